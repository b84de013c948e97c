using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>A connection id as a dictionary key. Its hash is seeded per process: peers choose some of these ids.</summary>
internal readonly struct CidKey : IEquatable<CidKey>
{
    private readonly ulong _first;
    private readonly ulong _second;
    private readonly uint _third;
    private readonly int _length;

    private CidKey(ReadOnlySpan<byte> id)
    {
        Span<byte> padded = stackalloc byte[24];
        padded.Clear();
        id.CopyTo(padded);
        _first = MemoryMarshal.Read<ulong>(padded);
        _second = MemoryMarshal.Read<ulong>(padded[8..]);
        _third = MemoryMarshal.Read<uint>(padded[16..]);
        _length = id.Length;
    }

    // The ids that this side issues: the packets of an established connection carry nothing else.
    private CidKey(ulong first, ulong second)
    {
        _first = first;
        _second = second;
        _length = ConnectionIds.Length;
    }

    public static CidKey From(ReadOnlySpan<byte> id) => new(id);

    public static unsafe CidKey From(NgCid* id) => new(new ReadOnlySpan<byte>(id->Data, (int)id->DataLen));

    public static unsafe CidKey FromShortHeader(byte* packet) =>
        new(Unsafe.ReadUnaligned<ulong>(packet + 1), Unsafe.ReadUnaligned<ulong>(packet + 9));

    public bool Equals(CidKey other) =>
        _first == other._first && _second == other._second && _third == other._third && _length == other._length;

    public override bool Equals(object? obj) => obj is CidKey other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(_first, _second, _third, _length);
}

/// <summary>Makes random connection ids.</summary>
internal static unsafe class ConnectionIds
{
    /// <summary>The length of every id that this side issues.</summary>
    public const int Length = 16;

    public static void Fill(NgCid* id, int length)
    {
        id->DataLen = (nuint)length;
        if (GnuTls.Random(GnuTls.RandomKey, id->Data, (nuint)length) != 0)
        {
            throw new TransportException(TransportError.Internal, "The random number generator of GnuTLS failed.");
        }
    }
}
