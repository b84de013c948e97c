using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>What became of a connection's early data.</summary>
internal enum EarlyData
{
    None,

    /// <summary>A client has offered it and knows no answer yet.</summary>
    Offered,
    Accepted,

    /// <summary>The server did not take it: what was sent is sent again.</summary>
    Rejected,
}

/// <summary>
/// Early data (0-RTT): a connection that the application has before the handshake is complete. On a listener the identity
/// that the ticket bears is judged first; on a client the certificates that the ticket was given out under are.
/// </summary>
internal sealed unsafe partial class Connection
{
    // RFC 9000 section 18.2 names what is remembered: a handful of integers.
    private const int MaxEarlyParameters = 256;

    private TaskCompletionSource? _earlyReady;
    private List<Stream>? _heldStreams;
    private bool _handedOut;

    /// <summary>What became of the early data. Written on the loop's thread.</summary>
    public EarlyData EarlyData { get; private set; }

    /// <summary>Completes when the application may have the connection: at the latest with <see cref="Ready"/>.</summary>
    public Task Usable => _earlyReady is { } early ? early.Task : _ready.Task;

    public Task HandshakeCompleted => _ready.Task;

    // A client's: from a ticket that allows early data on, the connection may be written to before the server has answered.
    private void OfferEarlyData(EarlyParameters parameters)
    {
        fixed (byte* encoded = parameters.TransportParams)
        {
            if (NgApi.SetEarlyTransportParams(Native, encoded, (nuint)parameters.TransportParams.Length) != 0)
            {
                return;
            }
        }

        EarlyData = EarlyData.Offered;
        _earlyReady = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        AllowStreams();
        ThreadPool.UnsafeQueueUserWorkItem(
            static state =>
            {
                var rejection = state.Connection.JudgeChain(state.Chain);
                state.Connection._loop.Post(() => state.Connection.OnRememberedJudged(rejection is null));
            },
            (Connection: this, parameters.Chain), preferLocal: false);
    }

    // libngtcp2 tells of the peer's limits when the handshake is complete.
    private void AllowStreams()
    {
        _bidirectional.Extend((long)NgApi.GetStreamsBidirectionalLeft(Native));
        _unidirectional.Extend((long)NgApi.GetStreamsUnidirectionalLeft(Native));
    }

    // A server whose certificate is no longer trusted gets nothing but a handshake, which then fails.
    private void OnRememberedJudged(bool accepted)
    {
        if (accepted && _state == ConnectionState.Handshaking)
        {
            _handedOut = true;
            _earlyReady!.TrySetResult();
        }
    }

    // Within libngtcp2's callback, since it forgets streams here and may read the server's first ones right after.
    private void OnEarlyDataAnswered()
    {
        EarlyData = _tls!.HasEarlyData ? EarlyData.Accepted : EarlyData.Rejected;
        if (EarlyData == EarlyData.Rejected)
        {
            _ = NgApi.RejectEarlyData(Native);
        }

        Ngtcp2Log.EarlyDataAnswered(_loop.Logger, RemoteEndPoint, EarlyData);
    }

    // What the application wrote goes out again, when the server is judged, on streams of the same ids.
    private void RestartStreams()
    {
        foreach (var stream in _streams.Values.Where(IsLocal).OrderBy(static stream => stream.Id).ToArray())
        {
            if (!Open(stream))
            {
                return;
            }

            stream.Restart(Native);
        }
    }

    private bool IsLocal(Stream stream) => (stream.Id & 1) == (IsServer ? 1 : 0);

    /// <summary>
    /// Whether a client's application has the connection while the server that it turned out to be is not judged yet: nothing of
    /// that server's may reach it.
    /// </summary>
    private bool IsUnjudged => EarlyData == EarlyData.Rejected && _handedOut && !_judged;

    private bool HoldUnjudged(Stream stream)
    {
        if (!IsUnjudged)
        {
            return false;
        }

        (_heldStreams ??= []).Add(stream);
        return true;
    }

    private void ReleaseHeldStreams()
    {
        foreach (var stream in _heldStreams ?? [])
        {
            Announce(stream);
        }

        _heldStreams = null;
    }

    // A listener's: GnuTLS has read a hello with early data and taken it.
    private void OnEarlyDataAccepted()
    {
        EarlyData = EarlyData.Accepted;
        ApplicationProtocol = _tls!.ApplicationProtocol();
        IsResumed = _tls.IsResumed;
        if (ApplicationProtocol != _tls.EarlyProtocol)
        {
            // RFC 8446 section 4.2.10: what a ticket allows is of its own protocol.
            CloseWithAlert(
                new TransportException(TransportError.ProtocolViolation, "Early data came for another protocol than its ticket's."),
                QuicError.AlertIllegalParameter);
            return;
        }

        Ngtcp2Log.EarlyDataAccepted(_loop.Logger, RemoteEndPoint);
        BeginJudging();
    }

    // A listener's: the identity is judged, the handshake is not complete.
    private void HandOutEarly()
    {
        _handedOut = true;
        AllowStreams();
        if (!_owner.OnEstablished(this))
        {
            Refuse();
        }
    }

    private static byte[] EncodeEarlyParameters(nint native)
    {
        Span<byte> buffer = stackalloc byte[MaxEarlyParameters];
        fixed (byte* dest = buffer)
        {
            var length = NgApi.EncodeEarlyTransportParams(native, dest, (nuint)buffer.Length);
            return length > 0 ? buffer[..(int)length].ToArray() : [];
        }
    }

    // Inside libngtcp2's callback, as the ticket arrives.
    private ResumptionTicket Remember(in ReceivedTicket ticket)
    {
        if (!ticket.AllowsEarlyData || _options is not TransportConnectOptions { EarlyData: true })
        {
            return new ResumptionTicket(ticket.Session, Early: null);
        }

        var parameters = EncodeEarlyParameters(_native);
        return new ResumptionTicket(
            ticket.Session, parameters.Length > 0 ? new EarlyParameters(parameters, _tls!.PeerCertificates()) : null);
    }
}
