using System.Runtime.InteropServices;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

internal sealed unsafe partial class EndpointLoop
{
    private const int Batch = 8;
    private const int MessageBuffer = 65536;
    private const int ControlBuffer = 128;
    private const int MaxEvents = 64;
    private const int MaxLooks = 2000;

    // More than a socket's buffer holds.
    private const int CatchUpRounds = 1024;

    /// <summary>The largest UDP payload, which bounds a segmented send too.</summary>
    public const int SendBufferLength = 65507;

    private readonly Dictionary<int, UdpSocket> _socketsByFd = [];
    private readonly byte* _receiveData = (byte*)NativeMemory.Alloc(Batch * MessageBuffer);
    private readonly byte* _receiveControl = (byte*)NativeMemory.AllocZeroed(Batch * ControlBuffer);
    private readonly SockAddr* _receiveNames = (SockAddr*)NativeMemory.AllocZeroed(Batch, (nuint)sizeof(SockAddr));
    private readonly MMsgHdr* _messages = (MMsgHdr*)NativeMemory.AllocZeroed(Batch, (nuint)sizeof(MMsgHdr));
    private readonly IoVec* _vectors = (IoVec*)NativeMemory.AllocZeroed(Batch, (nuint)sizeof(IoVec));
    private readonly byte* _events = (byte*)NativeMemory.AllocZeroed(MaxEvents * 16);
    private int _pollFd;
    private bool _readable;
    private bool _busy;

    /// <summary>Where a connection builds the packets of one send; used only between two sends.</summary>
    public byte* SendBuffer { get; } = (byte*)NativeMemory.Alloc(SendBufferLength);

    private static int EventSize => RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    private void Wake()
    {
        if (Volatile.Read(ref _rest) != Awake && Interlocked.Exchange(ref _rest, Awake) != Awake)
        {
            WakeNow();
        }
    }

    private void WakeNow()
    {
        ulong one = 1;
        _ = LibC.Write(_eventFd, &one, sizeof(ulong));
        GC.KeepAlive(_eventHandle);
    }

    // From here on others may drive; what was asked before is seen here.
    private void LieDown()
    {
        _pollFd = _sockets.Count == 1 ? _sockets[0].Fd : _epollFd;
        _sleepsUntil = 0;
        if (_writes.Count > 0)
        {
            return;
        }

        _sleepsUntil = _timers.Earliest;
        Interlocked.Exchange(ref _rest, Asleep);
        if (Volatile.Read(ref _ready) is not null || !_commands.IsEmpty)
        {
            Interlocked.Exchange(ref _rest, Awake);
            _sleepsUntil = 0;
        }
    }

    private void Sleep()
    {
        var until = _sleepsUntil;
        var timeout = default(TimeSpec);
        if (until != 0)
        {
            var now = until == ulong.MaxValue ? 0 : ReadClock();
            var wait = until == ulong.MaxValue ? 3_600_000_000_000 : until > now ? until - now : 0;
            timeout.TvSec = (long)(wait / 1_000_000_000);
            timeout.TvNsec = (long)(wait % 1_000_000_000);
        }

        // With one socket it is polled itself; with more, the kernel's own list of them is.
        var fds = stackalloc PollFd[2];
        fds[0] = new PollFd { Fd = _eventFd, Events = LibC.PollIn };
        fds[1] = new PollFd { Fd = _pollFd, Events = LibC.PollIn };
        var ready = _busy && until != 0 ? LookFor(fds, until) : 0;
        if (ready == 0)
        {
            ready = LibC.PPoll(fds, 2, &timeout, 0);
        }

        _busy = false;
        Interlocked.Exchange(ref _rest, Awake);
        if (ready <= 0)
        {
            return;
        }

        _readable = fds[1].REvents != 0;
        if (fds[0].REvents != 0)
        {
            ulong count;
            _ = LibC.Read(_eventFd, &count, sizeof(ulong));
        }
    }

    // To sleep and to be woken costs more than a round trip on a short path, so that an answer may come before that pays. Others
    // who want the processor get it at every look. The clock may be one that a test moves: the looks are bounded as well.
    private int LookFor(PollFd* fds, ulong until)
    {
        var atOnce = default(TimeSpec);
        var now = ReadClock();
        var end = Math.Min(until, now + _busyPoll);
        for (var looks = 0; now < end && looks < MaxLooks; looks++)
        {
            var ready = LibC.PPoll(fds, 2, &atOnce, 0);
            if (ready != 0)
            {
                return ready;
            }

            Thread.Yield();
            now = ReadClock();
        }

        return 0;
    }

    // A thread that was held up for longer than a peer may be silent finds the peers' packets in the kernel, and must not take
    // them for silent before it has looked.
    private void CatchUp()
    {
        for (var round = 0; round < CatchUpRounds; round++)
        {
            _readable = true;
            if (!ReceiveReady())
            {
                return;
            }
        }
    }

    /// <summary>Receives once from each socket that has something; false when none had.</summary>
    private bool ReceiveReady()
    {
        if (!_readable)
        {
            return false;
        }

        _readable = false;
        if (_sockets.Count == 1)
        {
            return Receive(_sockets[0]);
        }

        var count = LibC.EpollWait(_epollFd, _events, MaxEvents, 0);
        for (var i = 0; i < count; i++)
        {
            var fd = *(int*)(_events + (i * EventSize) + (EventSize == 12 ? 4 : 8));
            if (_socketsByFd.TryGetValue(fd, out var socket))
            {
                Receive(socket);
            }
        }

        return count > 0;
    }

    // What no receive changes.
    private void PrepareMessages()
    {
        for (var i = 0; i < Batch; i++)
        {
            _vectors[i] = new IoVec { IovBase = _receiveData + (i * MessageBuffer), IovLen = MessageBuffer };
            _messages[i].Hdr = new MsgHdr { MsgIov = _vectors + i, MsgIovLen = 1, MsgControl = _receiveControl + (i * ControlBuffer) };
        }
    }

    private bool Receive(UdpSocket socket)
    {
        for (var i = 0; i < Batch; i++)
        {
            ref var header = ref _messages[i].Hdr;
            header.MsgName = socket.IsConnected ? null : (byte*)(_receiveNames + i);
            header.MsgNameLen = socket.IsConnected ? 0 : (uint)SockAddr.Capacity;
            header.MsgControlLen = ControlBuffer;
        }

        var count = LibC.RecvMMsg(socket.Fd, _messages, Batch, 0, null);
        if (count < 0)
        {
            var error = Marshal.GetLastPInvokeError();
            if (error is not (LibC.ErrNo_Again or LibC.ErrNo_Intr))
            {
                socket.Sink.OnSocketError(error);
            }

            return false;
        }

        // Read again, so that what the kernel has kept while this thread was held up does not count as heard before.
        Now = ReadClock();
        for (var i = 0; i < count && socket.Fd >= 0; i++)
        {
            Deliver(socket, i);
        }

        return count > 0;
    }

    private void Deliver(UdpSocket socket, int index)
    {
        var length = (int)_messages[index].Len;
        var segment = length;
        byte ecn = 0;
        SockAddr arrived;
        scoped ref readonly var local = ref socket.Local;
        ref var header = ref _messages[index].Hdr;
        var end = header.MsgControl + header.MsgControlLen;
        for (var at = header.MsgControl; at + sizeof(CMsgHdr) <= end;)
        {
            var control = (CMsgHdr*)at;
            var value = at + sizeof(CMsgHdr);
            switch ((control->Level, control->Type))
            {
                case (LibC.SolUdp, LibC.UdpGro):
                    segment = *(int*)value;
                    break;
                case (LibC.IpProtoIp, LibC.IpTos):
                case (LibC.IpProtoIpv6, LibC.Ipv6TClass):
                    ecn = (byte)(*value & 3);
                    break;
                case (LibC.IpProtoIp, LibC.IpPktInfo):
                    arrived = local.WithAddress(new ReadOnlySpan<byte>(value + 8, 4));
                    local = ref arrived;
                    break;
                case (LibC.IpProtoIpv6, LibC.Ipv6PktInfo):
                    arrived = local.WithAddress(new ReadOnlySpan<byte>(value, 16));
                    local = ref arrived;
                    break;
                default:
                    break;
            }

            at += ((int)control->Len + 7) & ~7;
            if (control->Len < (nuint)sizeof(CMsgHdr))
            {
                break;
            }
        }

        ref var remote = ref _receiveNames[index];
        remote.Length = header.MsgNameLen;
        if (segment <= 0)
        {
            segment = length;
        }

        var data = _receiveData + (index * MessageBuffer);
        for (var offset = 0; offset < length && socket.Fd >= 0; offset += segment)
        {
            socket.Sink.OnPacket(socket, in local, in remote, ecn, data + offset, Math.Min(segment, length - offset));
        }
    }

    private void EpollChange(int operation, int fd)
    {
        var change = stackalloc byte[16];
        *(uint*)change = LibC.EpollIn;
        *(int*)(change + (EventSize == 12 ? 4 : 8)) = fd;
        Check(LibC.EpollControl(_epollFd, operation, fd, change));
    }

    private void FreeBuffers()
    {
        NativeMemory.Free(_receiveData);
        NativeMemory.Free(_receiveControl);
        NativeMemory.Free(_receiveNames);
        NativeMemory.Free(_messages);
        NativeMemory.Free(_vectors);
        NativeMemory.Free(_events);
        NativeMemory.Free(SendBuffer);
    }
}
