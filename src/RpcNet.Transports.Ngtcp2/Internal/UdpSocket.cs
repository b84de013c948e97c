using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>Takes the datagrams of one socket, on the loop's thread.</summary>
internal interface IPacketSink
{
    unsafe void OnPacket(UdpSocket socket, in SockAddr local, in SockAddr remote, byte ecn, byte* data, int length);

    /// <summary>A pending socket error, such as the peer's "port unreachable" on a connected socket.</summary>
    void OnSocketError(int error);
}

/// <summary>A non-blocking UDP socket with segmentation offload, ECN and path MTU probing.</summary>
internal sealed unsafe class UdpSocket : IDisposable
{
    private const int ControlLength = 128;
    private const int FullAttempts = 4;

    /// <summary>How long a send waits for room in the kernel's buffer, in nanoseconds.</summary>
    public const int FullWait = 2_000_000;

    private readonly SockAddr _local;
    private int _fd;

    private UdpSocket(int fd, in SockAddr local, bool connected, bool wildcard, IPacketSink sink, bool segmentation)
    {
        _fd = fd;
        _local = local;
        IsConnected = connected;
        IsWildcard = wildcard;
        Sink = sink;
        Segmentation = segmentation;
    }

    public int Fd => _fd;

    public ref readonly SockAddr Local => ref _local;

    public bool IsConnected { get; }

    /// <summary>Bound to all addresses: each datagram tells which one it came to, and the answer names it as its source.</summary>
    public bool IsWildcard { get; }

    public IPacketSink Sink { get; }

    /// <summary>Whether one call may carry many packets.</summary>
    public bool Segmentation { get; private set; }

    /// <summary>
    /// Sends that the kernel did not take within <see cref="FullWait"/> because its buffers were full; QUIC repairs the loss
    /// and slows down.
    /// </summary>
    public long Dropped { get; private set; }

    /// <summary>Fails unless nobody has the address.</summary>
    public static void Probe(IPEndPoint endPoint, Ngtcp2TransportOptions options) => Bind(endPoint, NoSink.Instance, options).Dispose();

    /// <param name="endPoint">The address.</param>
    /// <param name="sink">Takes what arrives.</param>
    /// <param name="options">The engine's options.</param>
    /// <param name="shared">Whether further sockets of this user may bind the same address; the kernel spreads the clients.</param>
    public static UdpSocket Bind(IPEndPoint endPoint, IPacketSink sink, Ngtcp2TransportOptions options, bool shared = false)
    {
        var address = SockAddr.From(endPoint);
        var wildcard = endPoint.Address.Equals(IPAddress.Any) || endPoint.Address.Equals(IPAddress.IPv6Any);
        var fd = Create(address.Family, options);
        try
        {
            if (address.Family == LibC.AfInet6)
            {
                SetOption(fd, LibC.IpProtoIpv6, LibC.Ipv6V6Only, endPoint.Address.Equals(IPAddress.IPv6Any) ? 0 : 1);
            }

            if (shared)
            {
                SetOption(fd, LibC.SolSocket, LibC.SoReusePort, 1);
            }

            Configure(fd, address.Family, wildcard);
            if (LibC.Bind(fd, (byte*)&address, address.Length) != 0)
            {
                throw BindFailed(endPoint, Marshal.GetLastPInvokeError());
            }

            return new UdpSocket(fd, LocalAddress(fd), connected: false, wildcard, sink, options.SegmentationOffload);
        }
        catch
        {
            LibC.Close(fd);
            throw;
        }
    }

    public static UdpSocket Connect(IPEndPoint endPoint, IPacketSink sink, Ngtcp2TransportOptions options)
    {
        var address = SockAddr.From(endPoint);
        var fd = Create(address.Family, options);
        try
        {
            Configure(fd, address.Family, wildcard: false);
            if (LibC.Connect(fd, (byte*)&address, address.Length) != 0)
            {
                var error = Marshal.GetLastPInvokeError();
                throw new TransportException(
                    TransportError.ConnectionRefused, $"{endPoint} cannot be reached: {Marshal.GetPInvokeErrorMessage(error)}.");
            }

            return new UdpSocket(fd, LocalAddress(fd), connected: true, wildcard: false, sink, options.SegmentationOffload);
        }
        catch
        {
            LibC.Close(fd);
            throw;
        }
    }

    /// <summary>Wraps a connected datagram socket, which it owns from now on.</summary>
    public static UdpSocket FromConnected(int fd, in SockAddr local, IPacketSink sink) =>
        new(fd, in local, connected: true, wildcard: false, sink, segmentation: false);

    /// <summary>Sends packets of <paramref name="segment"/> bytes each, the last one possibly shorter, in one call.</summary>
    /// <returns>0, or the error number of a failure that the connection should know.</returns>
    public int Send(byte* data, int length, int segment, byte ecn, SockAddr* remote, SockAddr* source)
    {
        if (length <= segment)
        {
            var error = SendOne(data, length, 0, ecn, remote, source);
            return error is LibC.ErrNo_MsgSize ? 0 : error;
        }

        if (!Segmentation)
        {
            return SendEach(data, length, segment, ecn, remote, source, out _);
        }

        var result = SendOne(data, length, segment, ecn, remote, source);
        if (result is LibC.ErrNo_Io or LibC.ErrNo_Invalid or LibC.ErrNo_MsgSize)
        {
            // A probe of the path that is larger than what the device takes, or else a device without checksum offload, or a
            // kernel without UDP_SEGMENT.
            result = SendEach(data, length, segment, ecn, remote, source, out var tooLarge);
            Segmentation = tooLarge;
        }

        return result;
    }

    public void Dispose()
    {
        if (_fd >= 0)
        {
            LibC.Close(_fd);
            _fd = -1;
        }
    }

    private int SendEach(byte* data, int length, int segment, byte ecn, SockAddr* remote, SockAddr* source, out bool tooLarge)
    {
        tooLarge = false;
        for (var offset = 0; offset < length; offset += segment)
        {
            var error = SendOne(data + offset, Math.Min(segment, length - offset), 0, ecn, remote, source);
            if (error == LibC.ErrNo_MsgSize)
            {
                tooLarge = true;
            }
            else if (error != 0)
            {
                return error;
            }
        }

        return 0;
    }

    // Filled field by field, for the reason that Connection.WriteOne has.
    [SkipLocalsInit]
    private int SendOne(byte* data, int length, int segment, byte ecn, SockAddr* remote, SockAddr* source)
    {
        var vector = new IoVec { IovBase = data, IovLen = (nuint)length };
        MsgHdr message;
        message.MsgName = null;
        message.MsgNameLen = 0;
        message.MsgIov = &vector;
        message.MsgIovLen = 1;
        message.MsgControl = null;
        message.MsgControlLen = 0;
        message.MsgFlags = 0;
        var family = _local.Family;
        var mapped = false;
        if (!IsConnected && remote is not null)
        {
            message.MsgName = (byte*)remote;
            message.MsgNameLen = remote->Length;
            mapped = remote->IsMappedIPv4;
        }

        var control = stackalloc byte[ControlLength];
        var end = control;
        if (segment != 0)
        {
            var size = (ushort)segment;
            end = Append(end, LibC.SolUdp, LibC.UdpSegment, &size, sizeof(ushort));
        }

        if (ecn != 0)
        {
            int value = ecn;
            end = family == LibC.AfInet6 && !mapped
                ? Append(end, LibC.IpProtoIpv6, LibC.Ipv6TClass, &value, sizeof(int))
                : Append(end, LibC.IpProtoIp, LibC.IpTos, &value, sizeof(int));
        }

        if (IsWildcard && source is not null)
        {
            end = AppendSource(end, source);
        }

        if (end != control)
        {
            message.MsgControl = control;
            message.MsgControlLen = (nuint)(end - control);
        }

        var full = 0;
        while (LibC.SendMsg(_fd, &message, 0) < 0)
        {
            var error = Marshal.GetLastPInvokeError();
            if (error == LibC.ErrNo_Intr)
            {
                continue;
            }

            if (error is LibC.ErrNo_Again or LibC.ErrNo_NoBufs)
            {
                if (error == LibC.ErrNo_Again && WaitForRoom(ref full))
                {
                    continue;
                }

                Dropped++;
                return 0;
            }

            return error;
        }

        return 0;
    }

    // A device that is behind catches up within this; a loss would halve the rate of a connection that only met a queue. Who
    // waits here could not send anything else either, and what arrives meanwhile waits in the kernel.
    private bool WaitForRoom(ref int attempts)
    {
        if (++attempts > FullAttempts)
        {
            return false;
        }

        var poll = new PollFd { Fd = _fd, Events = LibC.PollOut };
        var timeout = new TimeSpec { TvNsec = FullWait / FullAttempts };
        _ = LibC.PPoll(&poll, 1, &timeout, 0);
        return true;
    }

    private static byte* AppendSource(byte* end, SockAddr* source)
    {
        var bytes = (byte*)source;
        if (source->Family == LibC.AfInet6)
        {
            var info = stackalloc byte[20];
            new ReadOnlySpan<byte>(bytes + 8, 16).CopyTo(new Span<byte>(info, 16));
            return Append(end, LibC.IpProtoIpv6, LibC.Ipv6PktInfo, info, 20);
        }

        var info4 = stackalloc byte[12];
        *(uint*)(info4 + 4) = *(uint*)(bytes + 4);
        return Append(end, LibC.IpProtoIp, LibC.IpPktInfo, info4, 12);
    }

    private static byte* Append(byte* at, int level, int type, void* value, int length)
    {
        var header = (CMsgHdr*)at;
        header->Len = (nuint)(sizeof(CMsgHdr) + length);
        header->Level = level;
        header->Type = type;
        *(ulong*)(at + sizeof(CMsgHdr) + ((length - 1) & ~7)) = 0; // the padding
        Unsafe.CopyBlockUnaligned(at + sizeof(CMsgHdr), value, (uint)length);
        return at + ((sizeof(CMsgHdr) + length + 7) & ~7);
    }

    private static int Create(int family, Ngtcp2TransportOptions options)
    {
        var fd = LibC.Socket(family, LibC.SockDgram | LibC.SockNonBlock | LibC.SockCloseOnExec, 0);
        if (fd < 0)
        {
            var error = Marshal.GetLastPInvokeError();
            throw new TransportException(
                TransportError.AddressUnavailable, $"A UDP socket cannot be created: {Marshal.GetPInvokeErrorMessage(error)}.");
        }

        // The forced form passes the system's limit and needs a capability; the other one takes what the limit allows.
        SetBuffer(fd, LibC.SoRcvBufForce, LibC.SoRcvBuf, options.SocketBufferSize);
        SetBuffer(fd, LibC.SoSndBufForce, LibC.SoSndBuf, options.SocketBufferSize);
        return fd;
    }

    private static void Configure(int fd, int family, bool wildcard)
    {
        SetOption(fd, LibC.SolUdp, LibC.UdpGro, 1);
        if (family == LibC.AfInet6)
        {
            SetOption(fd, LibC.IpProtoIpv6, LibC.Ipv6MtuDiscover, LibC.PmtuDiscoverProbe);
            SetOption(fd, LibC.IpProtoIpv6, LibC.Ipv6RecvTClass, 1);
            if (wildcard)
            {
                SetOption(fd, LibC.IpProtoIpv6, LibC.Ipv6RecvPktInfo, 1);
            }
        }

        // A dual-stack socket takes the IPv4 options too; an IPv6-only one refuses them, which does no harm.
        SetOption(fd, LibC.IpProtoIp, LibC.IpMtuDiscover, LibC.PmtuDiscoverProbe);
        SetOption(fd, LibC.IpProtoIp, LibC.IpRecvTos, 1);
        if (wildcard && family == LibC.AfInet)
        {
            SetOption(fd, LibC.IpProtoIp, LibC.IpPktInfo, 1);
        }
    }

    private static void SetBuffer(int fd, int forced, int plain, int size)
    {
        if (LibC.SetSockOpt(fd, LibC.SolSocket, forced, &size, sizeof(int)) != 0)
        {
            SetOption(fd, LibC.SolSocket, plain, size);
        }
    }

    private static void SetOption(int fd, int level, int option, int value) =>
        _ = LibC.SetSockOpt(fd, level, option, &value, sizeof(int));

    private static SockAddr LocalAddress(int fd)
    {
        var local = default(SockAddr);
        uint length = SockAddr.Capacity;
        if (LibC.GetSockName(fd, (byte*)&local, &length) != 0)
        {
            throw new TransportException(TransportError.Internal, "The socket's own address cannot be read.");
        }

        local.Length = length;
        return local;
    }

    private static TransportException BindFailed(IPEndPoint endPoint, int error) => error switch
    {
        LibC.ErrNo_AddrInUse => new TransportException(TransportError.AddressInUse, $"The UDP address {endPoint} is in use."),
        _ => new TransportException(
            TransportError.AddressUnavailable, $"The UDP address {endPoint} cannot be bound: {Marshal.GetPInvokeErrorMessage(error)}."),
    };

    private sealed class NoSink : IPacketSink
    {
        public static NoSink Instance { get; } = new();

        public void OnPacket(UdpSocket socket, in SockAddr local, in SockAddr remote, byte ecn, byte* data, int length)
        {
        }

        public void OnSocketError(int error)
        {
        }
    }
}
