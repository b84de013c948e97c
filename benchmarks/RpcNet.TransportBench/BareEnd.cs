using System.Diagnostics;
using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using RpcNet.Transports;
using RpcNet.Transports.Ngtcp2;
using RpcNet.Transports.Ngtcp2.Internal;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.TransportBench;

/// <summary>What a bare end does with its one stream.</summary>
internal enum BareRole
{
    /// <summary>Sends back what it receives.</summary>
    Echo,

    /// <summary>Keeps a number of frames in flight.</summary>
    Frames,

    /// <summary>Sends as much as goes.</summary>
    Send,

    /// <summary>Counts what it receives.</summary>
    Count,
}

/// <summary>
/// One connection over libngtcp2 with the least that works: a thread that polls, receives, calls the library and sends. No
/// task, lock, queue or pool; the callbacks are the application. What the engine costs is what it is slower than this. The
/// declarations, the socket's set-up and that of TLS are the engine's own.
/// </summary>
internal sealed unsafe class BareEnd : IPacketSink, IDisposable
{
    public const int FrameSize = 100;

    private const int Ring = 8 << 20;
    private const int Batch = 8;
    private const int MessageBuffer = 65536;
    private const int ControlBuffer = 128;
    private const int SendLength = 65507;
    private const int Payload = 1452;
    private const int SendAhead = 512 << 10;
    private const int MaxSegments = 64;

    private static readonly Lazy<nint> s_client = new(() => Build(server: false));
    private static readonly Lazy<nint> s_server = new(() => Build(server: true));

    private readonly BareRole _role;
    private readonly int _inFlight;
    private readonly TransportListenerOptions? _listen;
    private readonly byte* _ring = (byte*)NativeMemory.AllocZeroed(Ring);
    private readonly byte* _application = (byte*)NativeMemory.AllocZeroed(MessageBuffer);
    private readonly byte* _sendBuffer = (byte*)NativeMemory.Alloc(SendLength);
    private readonly byte* _receiveData = (byte*)NativeMemory.Alloc(Batch * MessageBuffer);
    private readonly byte* _receiveControl = (byte*)NativeMemory.AllocZeroed(Batch * ControlBuffer);
    private readonly SockAddr* _names = (SockAddr*)NativeMemory.AllocZeroed(Batch, (nuint)sizeof(SockAddr));
    private readonly MMsgHdr* _messages = (MMsgHdr*)NativeMemory.AllocZeroed(Batch, (nuint)sizeof(MMsgHdr));
    private readonly IoVec* _vectors = (IoVec*)NativeMemory.AllocZeroed(Batch, (nuint)sizeof(IoVec));
    private readonly UdpSocket _socket;
    private readonly Thread _thread;
    private GCHandle _self;
    private SockAddr _local;
    private SockAddr _remote;
    private TlsSession? _tls;
    private nint _native;
    private long _stream = -1;
    private long _written;
    private long _sent;
    private long _acknowledged;
    private long _received;
    private long _frames;
    private volatile bool _stop;

    private BareEnd(BareRole role, int inFlight, UdpSocket? socket, TransportListenerOptions? listen, IPEndPoint? target)
    {
        _role = role;
        _inFlight = inFlight;
        _listen = listen;
        var options = new Ngtcp2TransportOptions();
        _socket = socket ?? (target is null ? UdpSocket.Bind(listen!.EndPoint, this, options) : UdpSocket.Connect(target, this, options));
        _local = _socket.Local;
        _self = GCHandle.Alloc(this);
        _thread = new Thread(Run, 1 << 20) { IsBackground = true, Name = "bare " + role };
    }

    public IPEndPoint EndPoint => _local.ToEndPoint();

    public long Frames => Volatile.Read(ref _frames);

    public long Received => Volatile.Read(ref _received);

    public static BareEnd Listen(BareRole role, TransportListenerOptions options)
    {
        var end = new BareEnd(role, 0, null, options, null);
        end._thread.Start();
        return end;
    }

    public static BareEnd Connect(BareRole role, int inFlight, TransportConnectOptions options)
    {
        var target = (IPEndPoint)options.EndPoint;
        var end = new BareEnd(role, inFlight, null, null, target);
        end._remote = SockAddr.From(target);
        end._tls = TlsSession.CreateClient(options, "localhost", identity: null, ticket: null, earlyData: false, ticketReceived: null);
        NgCid dcid, scid;
        ConnectionIds.Fill(&dcid, ConnectionIds.Length);
        ConnectionIds.Fill(&scid, ConnectionIds.Length);
        var parameters = Parameters(options);
        end.Create(&dcid, &scid, NgApi.ProtocolVersion1, &parameters, server: false);
        end._thread.Start();
        return end;
    }

    public void Dispose()
    {
        _stop = true;
        _thread.Join();
        if (_native != 0)
        {
            NgApi.Delete(_native);
        }

        _tls?.Free();
        _socket.Dispose();
        _self.Free();
        NativeMemory.Free(_ring);
        NativeMemory.Free(_application);
        NativeMemory.Free(_sendBuffer);
        NativeMemory.Free(_receiveData);
        NativeMemory.Free(_receiveControl);
        NativeMemory.Free(_names);
        NativeMemory.Free(_messages);
        NativeMemory.Free(_vectors);
    }

    public void OnPacket(UdpSocket socket, in SockAddr local, in SockAddr remote, byte ecn, byte* data, int length)
    {
        if (_native == 0)
        {
            NgPacketHeader header;
            if (NgApi.Accept(&header, data, (nuint)length) != 0)
            {
                return;
            }

            _remote = remote;
            _tls = TlsSession.CreateServer(_listen!, ticketKeys: null, earlyTickets: null);
            NgCid scid;
            ConnectionIds.Fill(&scid, ConnectionIds.Length);
            var parameters = Parameters(_listen!);
            parameters.OriginalDcidPresent = 1;
            parameters.OriginalDcid = header.Dcid;
            Create(&header.Scid, &scid, header.Version, &parameters, server: true);
        }

        SockAddr from = _local, to = _remote;
        var path = Path(&from, &to);
        var info = new NgPacketInfo { Ecn = ecn };
        var result = NgApi.ReadPacket(_native, &path, NgApi.PacketInfoVersion, &info, data, (nuint)length, Now());
        if (result != 0 && !_stop)
        {
            throw new InvalidOperationException(NgError.Text(result));
        }
    }

    public void OnSocketError(int error) => throw new InvalidOperationException($"socket error {error}");

    private static ulong Now() => (ulong)(Stopwatch.GetTimestamp() * (1_000_000_000.0 / Stopwatch.Frequency));

    private static BareEnd Of(nint userData) => (BareEnd)GCHandle.FromIntPtr(userData).Target!;

    private static NgPath Path(SockAddr* local, SockAddr* remote) => new()
    {
        Local = new NgAddr { Addr = (byte*)local, AddrLen = local->Length },
        Remote = new NgAddr { Addr = (byte*)remote, AddrLen = remote->Length },
    };

    private static NgTransportParams Parameters(TransportConnectionOptions options)
    {
        NgTransportParams parameters;
        NgApi.TransportParamsDefault(NgApi.TransportParamsVersion, &parameters);
        parameters.InitialMaxStreamDataBidiLocal = (ulong)options.StreamReceiveWindow;
        parameters.InitialMaxStreamDataBidiRemote = (ulong)options.StreamReceiveWindow;
        parameters.InitialMaxData = (ulong)options.ConnectionReceiveWindow;
        parameters.InitialMaxStreamsBidi = 1;
        return parameters;
    }

    private void Create(NgCid* dcid, NgCid* scid, uint version, NgTransportParams* parameters, bool server)
    {
        NgSettings settings;
        NgApi.SettingsDefault(NgApi.SettingsVersion, &settings);
        settings.InitialTs = Now();
        settings.CcAlgo = new Ngtcp2TransportOptions().NativeCongestionControl;
        settings.MaxTxUdpPayloadSize = Payload;

        // As the engine does, so that the two differ in the loop alone.
        settings.AckThresh = 10;
        settings.MaxWindow = 0;
        settings.MaxStreamWindow = 0;
        SockAddr from = _local, to = _remote;
        var path = Path(&from, &to);
        nint native;
        var callbacks = (NgCallbacks*)(server ? s_server : s_client).Value;
        var user = GCHandle.ToIntPtr(_self);
        var result = server
            ? NgApi.ServerNew(
                &native, dcid, scid, &path, version, NgApi.CallbacksVersion, callbacks, NgApi.SettingsVersion, &settings,
                NgApi.TransportParamsVersion, parameters, 0, user)
            : NgApi.ClientNew(
                &native, dcid, scid, &path, version, NgApi.CallbacksVersion, callbacks, NgApi.SettingsVersion, &settings,
                NgApi.TransportParamsVersion, parameters, 0, user);
        if (result != 0)
        {
            throw new InvalidOperationException(NgError.Text(result));
        }

        _native = native;
        _tls!.Attach(native);
    }

    private void Run()
    {
        while (!_stop)
        {
            Receive();
            if (_native == 0)
            {
                Wait(10_000_000);
                continue;
            }

            if (NgApi.GetExpiry(_native) <= Now() && NgApi.HandleExpiry(_native, Now()) is var expired && expired != 0)
            {
                throw new InvalidOperationException(NgError.Text(expired));
            }

            if (_role == BareRole.Send && _stream >= 0)
            {
                for (var room = SendAhead - (_written - _acknowledged); room >= MessageBuffer; room -= MessageBuffer)
                {
                    Append(_application, MessageBuffer);
                }
            }

            if (Write())
            {
                continue;
            }

            var expiry = NgApi.GetExpiry(_native);
            var now = Now();
            Wait(expiry <= now ? 0 : Math.Min(expiry - now, 10_000_000));
        }
    }

    private void Wait(ulong nanoseconds)
    {
        var poll = new PollFd { Fd = _socket.Fd, Events = LibC.PollIn };
        var timeout = new TimeSpec { TvNsec = (long)nanoseconds };
        _ = LibC.PPoll(&poll, 1, &timeout, 0);
    }

    private void Receive()
    {
        for (var i = 0; i < Batch; i++)
        {
            _vectors[i] = new IoVec { IovBase = _receiveData + (i * MessageBuffer), IovLen = MessageBuffer };
            _messages[i].Hdr = new MsgHdr
            {
                MsgName = (byte*)(_names + i),
                MsgNameLen = SockAddr.Capacity,
                MsgIov = _vectors + i,
                MsgIovLen = 1,
                MsgControl = _receiveControl + (i * ControlBuffer),
                MsgControlLen = ControlBuffer,
            };
        }

        var count = LibC.RecvMMsg(_socket.Fd, _messages, Batch, 0, null);
        for (var i = 0; i < count; i++)
        {
            ref var header = ref _messages[i].Hdr;
            var length = (int)_messages[i].Len;
            var segment = length;
            byte ecn = 0;
            var end = header.MsgControl + header.MsgControlLen;
            for (var at = header.MsgControl; at + sizeof(CMsgHdr) <= end; at += ((int)((CMsgHdr*)at)->Len + 7) & ~7)
            {
                var control = (CMsgHdr*)at;
                if (control->Level == LibC.SolUdp && control->Type == LibC.UdpGro)
                {
                    segment = *(int*)(at + sizeof(CMsgHdr));
                }
                else if (control->Level == LibC.IpProtoIp && control->Type == LibC.IpTos)
                {
                    ecn = (byte)(*(at + sizeof(CMsgHdr)) & 3);
                }
            }

            _names[i].Length = header.MsgNameLen;
            var data = _receiveData + (i * MessageBuffer);
            for (var offset = 0; offset < length; offset += segment)
            {
                OnPacket(_socket, in _local, in _names[i], ecn, data + offset, Math.Min(segment, length - offset));
            }
        }
    }

    // True when there is more to send right away.
    private bool Write()
    {
        byte* start = _sendBuffer, end = start;
        int segment = 0, segments = 0;
        byte mark = 0;
        SockAddr from = _local, to = _remote;
        var path = Path(&from, &to);
        NgPacketInfo info;
        var vectors = stackalloc NgVec[2];
        var more = true;
        var blocked = false;
        while (_sendBuffer + SendLength - end >= Payload)
        {
            var left = blocked || _stream < 0 ? 0 : Math.Min(_written - _sent, Payload);
            var at = _sent % Ring;
            var first = Math.Min(left, Ring - at);
            vectors[0] = new NgVec { Base = _ring + at, Len = (nuint)first };
            vectors[1] = new NgVec { Base = _ring, Len = (nuint)(left - first) };
            nint accepted = -1;
            var written = NgApi.WriteStream(
                _native, &path, NgApi.PacketInfoVersion, &info, end, Payload, &accepted, 0, left > 0 ? _stream : -1, vectors,
                left > first ? 2u : left > 0 ? 1u : 0u, Now());
            _sent += Math.Max(accepted, 0);
            if (written == NgError.StreamDataBlocked)
            {
                blocked = true;
                continue;
            }

            if (written < 0)
            {
                throw new InvalidOperationException(NgError.Text((int)written));
            }

            if (written == 0)
            {
                more = false;
                break;
            }

            if (segments > 0 && (segments == MaxSegments || written > segment || info.Ecn != mark))
            {
                Flush(start, end, segment, mark, &to);
                start = end;
                segments = 0;
            }

            if (segments == 0)
            {
                (segment, mark) = ((int)written, info.Ecn);
            }

            end += written;
            segments++;
            if (written < segment)
            {
                Flush(start, end, segment, mark, &to);
                start = end;
                segments = 0;
            }
        }

        Flush(start, end, segment, mark, &to);
        NgApi.UpdatePacketTxTime(_native, Now());
        return more;
    }

    private void Flush(byte* start, byte* end, int segment, byte mark, SockAddr* to)
    {
        if (end > start)
        {
            _socket.Send(start, (int)(end - start), segment, mark, to, null);
        }
    }

    private void Append(byte* data, long length)
    {
        while (length > 0)
        {
            var at = _written % Ring;
            var count = Math.Min(length, Ring - at);
            Unsafe.CopyBlockUnaligned(_ring + at, data, (uint)count);
            _written += count;
            data += count;
            length -= count;
        }
    }

    private void OnData(byte* data, long length)
    {
        Volatile.Write(ref _received, _received + length);
        switch (_role)
        {
            case BareRole.Echo:
                Append(data, length);
                break;
            case BareRole.Frames:
                var frames = (_received / FrameSize) - _frames;
                Volatile.Write(ref _frames, _frames + frames);
                Append(_application, frames * FrameSize);
                break;
            default:
                for (; length > 0; length -= MessageBuffer, data += MessageBuffer)
                {
                    Unsafe.CopyBlockUnaligned(_application, data, (uint)Math.Min(length, MessageBuffer));
                }

                break;
        }
    }

    private void Begin()
    {
        if (_listen is null)
        {
            long id;
            _ = NgApi.OpenBidirectional(_native, &id, 0);
            _stream = id;
            Append(_application, _role == BareRole.Frames ? _inFlight * FrameSize : 1);
        }
    }

    private static nint Build(bool server)
    {
        var table = (NgCallbacks*)NativeMemory.AllocZeroed((nuint)sizeof(NgCallbacks));
        if (server)
        {
            table->RecvClientInitial = NativeLibraries.CryptoExport("ngtcp2_crypto_recv_client_initial_cb");
        }
        else
        {
            table->ClientInitial = NativeLibraries.CryptoExport("ngtcp2_crypto_client_initial_cb");
            table->RecvRetry = NativeLibraries.CryptoExport("ngtcp2_crypto_recv_retry_cb");
        }

        table->RecvCryptoData = NativeLibraries.CryptoExport("ngtcp2_crypto_recv_crypto_data_cb");
        table->Encrypt = NativeLibraries.CryptoExport("ngtcp2_crypto_encrypt_cb");
        table->Decrypt = NativeLibraries.CryptoExport("ngtcp2_crypto_decrypt_cb");
        table->HpMask = NativeLibraries.CryptoExport("ngtcp2_crypto_hp_mask_cb");
        table->UpdateKey = NativeLibraries.CryptoExport("ngtcp2_crypto_update_key_cb");
        table->DeleteCryptoAeadCtx = NativeLibraries.CryptoExport("ngtcp2_crypto_delete_crypto_aead_ctx_cb");
        table->DeleteCryptoCipherCtx = NativeLibraries.CryptoExport("ngtcp2_crypto_delete_crypto_cipher_ctx_cb");
        table->GetPathChallengeData = NativeLibraries.CryptoExport("ngtcp2_crypto_get_path_challenge_data_cb");
        table->VersionNegotiation = NativeLibraries.CryptoExport("ngtcp2_crypto_version_negotiation_cb");
        table->Rand = (nint)(delegate* unmanaged[Cdecl]<byte*, nuint, nint, void>)&Rand;
        table->GetNewConnectionId = (nint)(delegate* unmanaged[Cdecl]<nint, NgCid*, byte*, nuint, nint, int>)&NewId;
        table->HandshakeCompleted = (nint)(delegate* unmanaged[Cdecl]<nint, nint, int>)&HandshakeCompleted;
        table->RecvStreamData =
            (nint)(delegate* unmanaged[Cdecl]<nint, uint, long, ulong, byte*, nuint, nint, nint, int>)&StreamData;
        table->AckedStreamDataOffset = (nint)(delegate* unmanaged[Cdecl]<nint, long, ulong, ulong, nint, nint, int>)&Acknowledged;
        return (nint)table;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Rand(byte* dest, nuint length, nint context) => _ = GnuTls.Random(GnuTls.RandomNonce, dest, length);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int NewId(nint native, NgCid* id, byte* token, nuint length, nint userData)
    {
        ConnectionIds.Fill(id, (int)length);
        return GnuTls.Random(GnuTls.RandomNonce, token, 16);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int HandshakeCompleted(nint native, nint userData)
    {
        Of(userData).Begin();
        return 0;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int StreamData(nint native, uint flags, long id, ulong offset, byte* data, nuint length, nint userData, nint streamData)
    {
        var end = Of(userData);
        end._stream = id;
        end.OnData(data, (long)length);
        NgApi.ExtendMaxOffset(native, length);
        return NgApi.ExtendMaxStreamOffset(native, id, length);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Acknowledged(nint native, long id, ulong offset, ulong length, nint userData, nint streamData)
    {
        Of(userData)._acknowledged += (long)length;
        return 0;
    }
}
