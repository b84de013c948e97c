using System.Runtime.CompilerServices;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

internal sealed unsafe partial class Connection
{
    // The kernel splits at most this many segments from one send.
    private const int MaxSegments = 64;

    private const ulong TimerGranularity = 1_000_000;

    // What an Ethernet frame carries over IPv6 and IPv4 alike.
    private const int FramePayload = 1452;

    // Larger packets are looked for once this much waited to be sent at one time: the library keeps a buffer of the largest
    // packet received for each connection, and those that idle or exchange small messages would never use it.
    private const int BulkLength = 4 * FramePayload;

    [ThreadStatic]
    private static Connection? t_reading;

    private bool _statelessReset;
    private bool _handshakeCompleted;
    private bool _lacksParameters;
    private bool _refused;
    private Exception? _callbackFailure;
    private ulong _heardAt;
    private bool _hearsKeepAlives;
    private ulong _idleTimeout;
    private ulong _sentUnderKeys;
    private bool _sendsBulk;

    /// <summary>Key updates that this side began by <see cref="Ngtcp2TransportOptions.KeyUpdateBytes"/>. Loop's thread.</summary>
    public int KeyUpdates { get; private set; }

    /// <summary>The largest UDP payload that the path is known to carry. Loop's thread, while the connection is not freed.</summary>
    public int PathPayload => (int)NgApi.GetPathMaxUdpPayload(Native);

    /// <summary>
    /// When the peer's silence ends the connection. Sending restarts the library's idle timer once (RFC 9000 section
    /// 10.1), so that alone would find a dead peer as late as a keep-alive interval after the idle timeout. Keep-alives
    /// make a living peer answer in time, and then silence can be taken at its word.
    /// </summary>
    private ulong SilentAt => _established && _hearsKeepAlives ? _heardAt + _idleTimeout : ulong.MaxValue;

    /// <summary>Whether the peer forgot the connection before its handshake was done.</summary>
    public bool WasResetInHandshake => _statelessReset && !_established;

    /// <summary>Processes one received packet.</summary>
    public void Receive(in SockAddr local, in SockAddr remote, byte ecn, byte* data, int length)
    {
        switch (_state)
        {
            case ConnectionState.Freed:
            case ConnectionState.Draining:
                return;
            case ConnectionState.Closing:
                RepeatClose();
                return;
            case ConnectionState.Judging when IsUnjudged:
                // The peer sends it again. An honest one has nothing to say before this side has finished its handshake.
                return;
            default:
                break;
        }

        if (IsResetOfRetiredId(data, length))
        {
            return;
        }

        var info = new NgPacketInfo { Ecn = ecn };
        int result;
        t_reading = this;
        fixed (SockAddr* from = &local, to = &remote)
        {
            var path = PathOf(from, to);
            result = NgApi.ReadPacket(Native, &path, NgApi.PacketInfoVersion, &info, data, (nuint)length, _loop.Now);
        }

        t_reading = null;
        if (result != 0)
        {
            OnReadFailed(result);
            return;
        }

        _heardAt = _loop.Now;
        if (!IsServer && _confirmed && _judged && !_wantsTicket)
        {
            ReleaseTls();
        }

        ReportStoppedStreams();
        if (_state == ConnectionState.Handshaking)
        {
            if (_handshakeCompleted)
            {
                OnHandshakeCompleted();
            }
            else if (EarlyData == EarlyData.None && _tls is { EarlyProtocol: not null, HasEarlyData: true })
            {
                OnEarlyDataAccepted();
            }
        }

        _loop.ScheduleWrite(this);
    }

    /// <summary>Processes one packet of a connected socket, whose addresses are known.</summary>
    public void ReceiveConnected(byte ecn, byte* data, int length) => Receive(in _local, in _remote, ecn, data, length);

    public void OnTimer()
    {
        switch (_state)
        {
            case ConnectionState.Freed:
                return;
            case ConnectionState.Closing:
            case ConnectionState.Draining:
                Free();
                return;
            case ConnectionState.Judging when !_judged:
                OnVerdictOverdue();
                return;
            default:
                break;
        }

        var result = _loop.Now >= SilentAt ? NgError.IdleClose : NgApi.HandleExpiry(Native, _loop.Now);
        if (result != 0)
        {
            // Idle and never answered connections end silently (RFC 9000 section 10.1).
            EndSilently(Failures.FromLibrary(result, _established));
            return;
        }

        _loop.ScheduleWrite(this);
    }

    /// <summary>Sends what may be sent, at most one segmented send's worth, and sets the timer.</summary>
    public void Write()
    {
        // Who still judges the peer's certificate sends nothing: the peer's handshake ends with the verdict.
        if (_state >= ConnectionState.Closing || (_state == ConnectionState.Judging && !_judged))
        {
            return;
        }

        RetryBlocked();
        RetryCapped();
        var more = WritePackets();
        if (_state >= ConnectionState.Closing)
        {
            return;
        }

        RenewKeys();
        NgApi.UpdatePacketTxTime(Native, _loop.Now);
        _loop.SetTimer(this, Math.Min(NextExpiry(), SilentAt));
        if (more)
        {
            _loop.ScheduleWrite(this);
        }
    }

    // Too soon after the last update, or while the peer has not confirmed it, the library refuses: then at a later turn.
    private void RenewKeys()
    {
        if (_sentUnderKeys >= (ulong)_loop.Options.KeyUpdateBytes && _loop.Options.KeyUpdateBytes != 0 && _confirmed
            && NgApi.InitiateKeyUpdate(Native, _loop.Now) == 0)
        {
            _sentUnderKeys = 0;
            KeyUpdates++;
        }
    }

    // The library delays an acknowledgement by an eighth of the round trip, which on a short path is over before the answer
    // that it could travel with. While nothing waits for pacing, timers have RFC 9002's granularity instead (section 6.1.2).
    private ulong NextExpiry()
    {
        var expiry = NgApi.GetExpiry(Native);
        return _sendQueue.Count + _urgentQueue.Count > 0 || _state != ConnectionState.Established ? expiry : Math.Max(expiry, _loop.Now + TimerGranularity);
    }

    private bool WritePackets()
    {
        var start = _loop.SendBuffer;
        var end = start;
        var limit = start + Math.Min(EndpointLoop.SendBufferLength, Math.Max((int)NgApi.GetSendQuantum(Native), 16384));
        var last = start + EndpointLoop.SendBufferLength;
        var capacity = _sendsBulk ? _maxPayload : Math.Min(_maxPayload, FramePayload);
        var first = start;
        var segment = 0;
        var segments = 0;
        byte batchEcn = 0;
        SockAddr local = _local, remote = _remote, batchLocal = _local, batchRemote = _remote;
        var path = PathOf(&local, &remote);
        NgPacketInfo info;
        while (true)
        {
            if (last - end < capacity)
            {
                Flush(start, end, segment, batchEcn, &batchLocal, &batchRemote);
                return true;
            }

            var written = WriteOne(&path, &info, end, capacity);
            if (written == 0)
            {
                Flush(start, end, segment, batchEcn, &batchLocal, &batchRemote);
                return false;
            }

            if (written < 0)
            {
                Flush(start, end, segment, batchEcn, &batchLocal, &batchRemote);
                OnWriteFailed((int)written);
                return false;
            }

            if (!_socket.IsConnected)
            {
                local.Length = path.Local.AddrLen;
                remote.Length = path.Remote.AddrLen;
            }

            var sameBatch = segments > 0 && segments < MaxSegments && written <= segment && info.Ecn == batchEcn
                && (_socket.IsConnected || remote.Equals(batchRemote));
            if (!sameBatch)
            {
                Flush(start, end, segment, batchEcn, &batchLocal, &batchRemote);
                start = end;
                segment = (int)written;
                segments = 0;
                batchEcn = info.Ecn;
                batchLocal = local;
                batchRemote = remote;
            }

            end += written;
            segments++;
            _sendsBulk |= _established && end - first >= BulkLength;
            if (written < segment)
            {
                // Only the last of a segmented send may be shorter.
                Flush(start, end, segment, batchEcn, &batchLocal, &batchRemote);
                start = end;
                segments = 0;
            }

            if (end >= limit)
            {
                Flush(start, end, segment, batchEcn, &batchLocal, &batchRemote);
                return true;
            }
        }
    }

    private void Flush(byte* start, byte* end, int segment, byte ecn, SockAddr* local, SockAddr* remote)
    {
        if (end == start)
        {
            return;
        }

        _sentUnderKeys += (ulong)(end - start);
        var error = _socket.Send(start, (int)(end - start), segment, ecn, remote, local);
        if (error != 0)
        {
            OnSocketError(error);
        }
    }

    /// <summary>
    /// A socket error. That nobody listens ends a handshake alone, since an established connection has its own ways to notice.
    /// </summary>
    public void OnSocketError(int error)
    {
        if (_state == ConnectionState.Handshaking && !IsServer
            && error is LibC.ErrNo_ConnRefused or LibC.ErrNo_HostUnreach or LibC.ErrNo_NetUnreach)
        {
            _refused = true;
            _loop.Post(EndRefused);
        }

        MigrateAfter(error);
    }

    private void OnPeerMoved(in SockAddr remote)
    {
        _remote = remote;
        RemoteEndPoint = remote.ToEndPoint();
    }

    private void EndRefused()
    {
        if (_refused && _state == ConnectionState.Handshaking)
        {
            EndSilently(new TransportException(TransportError.ConnectionRefused, $"Nobody listens at {RemoteEndPoint}."));
        }
    }

    private void OnReadFailed(int result)
    {
        switch (result)
        {
            case NgError.Draining:
                Finish(Failures.FromPeerClose(NgApi.GetCloseError(Native), _statelessReset, _established));
                EnterFinalPeriod(ConnectionState.Draining);
                return;
            case NgError.DropConnection:
            case NgError.Retry:
                EndSilently(Failures.FromLibrary(result, _established));
                return;
            case NgError.RecvVersionNegotiation:
                EndSilently(Failures.FromLibrary(result, _established));
                return;
            case NgError.DiscardPacket:
                return;
            case NgError.Crypto:
                var alert = _lacksParameters ? QuicError.AlertMissingExtension : NgApi.GetTlsAlert(Native);
                var failure = Failures.FromAlert(alert, byPeer: false);
                if (_tls?.Refusal is { } refusal)
                {
                    failure = new TransportException(failure.Error, $"{failure.Message} {refusal}");
                }

                CloseWithAlert(failure, alert);
                return;
            default:
                CloseWithLibraryError(Failure(result), result);
                return;
        }
    }

    private TransportException Failure(int result)
    {
        if (result != NgError.CallbackFailure || _callbackFailure is not { } cause)
        {
            return Failures.FromLibrary(result, _established);
        }

        Ngtcp2Log.CallbackFailed(_loop.Logger, cause);
        return new TransportException(TransportError.Internal, $"A callback of the engine failed: {cause.Message}", innerException: cause);
    }

    private void OnWriteFailed(int result)
    {
        switch (result)
        {
            case NgError.Closing or NgError.Draining:
                return;
            case NgError.Crypto:
                CloseWithAlert(Failures.FromAlert(NgApi.GetTlsAlert(Native), byPeer: false), NgApi.GetTlsAlert(Native));
                return;
            default:
                CloseWithLibraryError(Failure(result), result);
                return;
        }
    }
}
