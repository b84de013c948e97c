using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>A socket address in the kernel's form, IPv4 or IPv6.</summary>
internal struct SockAddr : IEquatable<SockAddr>
{
    public const int Capacity = 28;

    public Storage Bytes;
    public uint Length;

    [InlineArray(Capacity)]
    public struct Storage
    {
        private byte _first;
    }

    public readonly int Family => BitConverter.ToUInt16(((ReadOnlySpan<byte>)Bytes)[..2]);

    public readonly ushort Port => BinaryPrimitives.ReadUInt16BigEndian(((ReadOnlySpan<byte>)Bytes)[2..]);

    /// <summary>Whether it is an IPv4 address in IPv6 form, as a dual-stack socket sees it.</summary>
    public readonly bool IsMappedIPv4 =>
        Family == LibC.AfInet6 && ((ReadOnlySpan<byte>)Bytes)[8..20].SequenceEqual((ReadOnlySpan<byte>)[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);

    public static SockAddr From(IPEndPoint endPoint)
    {
        var result = default(SockAddr);
        Span<byte> bytes = result.Bytes;
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], (ushort)endPoint.Port);
        if (endPoint.AddressFamily == AddressFamily.InterNetwork)
        {
            BitConverter.TryWriteBytes(bytes, (ushort)LibC.AfInet);
            endPoint.Address.TryWriteBytes(bytes[4..], out _);
            result.Length = 16;
        }
        else
        {
            BitConverter.TryWriteBytes(bytes, (ushort)LibC.AfInet6);
            endPoint.Address.TryWriteBytes(bytes[8..], out _);
            BitConverter.TryWriteBytes(bytes[24..], (uint)endPoint.Address.ScopeId);
            result.Length = Capacity;
        }

        return result;
    }

    public readonly IPEndPoint ToEndPoint()
    {
        ReadOnlySpan<byte> bytes = Bytes;
        if (Family == LibC.AfInet)
        {
            return new IPEndPoint(new IPAddress(bytes.Slice(4, 4)), Port);
        }

        var address = new IPAddress(bytes.Slice(8, 16), BitConverter.ToUInt32(bytes[24..]));
        return new IPEndPoint(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address, Port);
    }

    /// <summary>The same family and port with another address, as a control message gives it.</summary>
    public readonly SockAddr WithAddress(ReadOnlySpan<byte> address)
    {
        var result = this;
        address.CopyTo(((Span<byte>)result.Bytes)[(address.Length == 4 ? 4 : 8)..]);
        return result;
    }

    public readonly bool Equals(SockAddr other) =>
        Length == other.Length
        && ((ReadOnlySpan<byte>)Bytes)[..(int)Length].SequenceEqual(((ReadOnlySpan<byte>)other.Bytes)[..(int)Length]);

    public override readonly bool Equals(object? obj) => obj is SockAddr other && Equals(other);

    public override readonly int GetHashCode()
    {
        var hash = default(HashCode);
        hash.AddBytes(((ReadOnlySpan<byte>)Bytes)[..(int)Length]);
        return hash.ToHashCode();
    }
}
