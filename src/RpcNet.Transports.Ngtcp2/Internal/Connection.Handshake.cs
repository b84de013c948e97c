using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

internal sealed unsafe partial class Connection
{
    // More than the members of most clusters, or the servers that most clients call.
    private static readonly CertificateCache s_certificates = new(128);

    private bool _judged;
    private bool _confirmed;
    private bool _established;
    private ulong _verdictDue;

    /// <summary>Whether the handshake took up an earlier session.</summary>
    public bool IsResumed { get; private set; }

    /// <summary>Whether the session of TLS is still kept. Loop's thread.</summary>
    public bool KeepsTls => _tls is { Handle: not 0 };

    private void OnHandshakeCompleted()
    {
        _state = ConnectionState.Judging;
        if (IsServer && EarlyData == EarlyData.Accepted)
        {
            // Its identity was judged at the hello, or is being so.
            if (_judged)
            {
                OnAccepted();
            }
            else
            {
                AwaitVerdict();
            }

            return;
        }

        ApplicationProtocol = _tls!.ApplicationProtocol();
        IsResumed = _tls.IsResumed;
        if (EarlyData == EarlyData.Rejected)
        {
            RestartStreams();
            if (_state != ConnectionState.Judging)
            {
                return;
            }
        }

        BeginJudging();
    }

    private void BeginJudging()
    {
        var chain = _tls!.PeerCertificates();
        if (chain.Length == 0)
        {
            // A resumed session may have been begun under another rule.
            var mayBeAbsent = _options is TransportListenerOptions { Tls.ClientCertificates: not ClientCertificateMode.Required };
            OnJudged(null, mayBeAbsent ? null : "there is none", QuicError.AlertCertificateRequired);
            return;
        }

        if (_state == ConnectionState.Judging)
        {
            AwaitVerdict();
        }

        ThreadPool.UnsafeQueueUserWorkItem(
            static state =>
            {
                var rejection = state.Connection.JudgeChain(state.Chain);
                state.Connection._loop.Post(() => state.Connection.OnJudged(state.Chain[0], rejection, QuicError.AlertBadCertificate));
            },
            (Connection: this, Chain: chain), preferLocal: false);
    }

    // Timers of libngtcp2 would come due again and again while nothing may be written. Its handshake time-out ends with TLS, so
    // what is left of it becomes the validator's.
    private void AwaitVerdict() => _loop.SetTimer(this, _verdictDue);

    private void OnVerdictOverdue() => CloseLocally(
        new TransportException(
            TransportError.HandshakeTimeout, $"The certificate of {RemoteEndPoint} was not judged within the handshake time-out."),
        QuicError.ConnectionRefused,
        application: false);

    // On the thread pool: chain building may take long and may block.
    private string? JudgeChain(byte[][] chain)
    {
        string? rejection;
        var parsed = new List<(byte[] Der, X509Certificate2 Certificate)>();
        try
        {
            var certificate = Parse(chain[0]);
            X509Certificate2[] intermediates = [.. chain.Skip(1).Select(Parse)];
            var validator = _options switch
            {
                TransportListenerOptions listener => listener.Tls.ValidateClient,
                TransportConnectOptions connect => connect.Tls.ValidateServer,
                _ => null,
            };
            rejection = validator is null
                ? "no client certificate is accepted here"
                : validator(new PeerCertificateContext(certificate, intermediates, _targetHost, RemoteEndPoint));
        }
        catch (CryptographicException e)
        {
            rejection = $"it cannot be read: {e.Message}";
        }
#pragma warning disable CA1031 // A validator that throws must not bring the process down; the peer is not accepted.
        catch (Exception e)
#pragma warning restore CA1031
        {
            rejection = $"the validator failed: {e.Message}";
            Ngtcp2Log.ValidatorFailed(_loop.Logger, RemoteEndPoint, e);
        }

        foreach (var (der, certificate) in parsed)
        {
            if (rejection is null)
            {
                s_certificates.Add(der, certificate);
            }
            else
            {
                certificate.Dispose();
            }
        }

        return rejection;

        X509Certificate2 Parse(byte[] der)
        {
            if (s_certificates.Find(der) is { } known)
            {
                return known;
            }

            var certificate = X509CertificateLoader.LoadCertificate(der);
            parsed.Add((der, certificate));
            return certificate;
        }
    }

    private void OnJudged(byte[]? certificate, string? rejection, byte alert)
    {
        if (_state is not (ConnectionState.Judging or ConnectionState.Handshaking))
        {
            return;
        }

        if (rejection is not null)
        {
            var who = IsServer ? "client" : "server";
            CloseWithAlert(
                new TransportException(TransportError.AuthenticationFailed, $"The {who}'s certificate was not accepted: {rejection}."),
                alert);
            return;
        }

        _peerCertificate = certificate;
        _judged = true;
        if (_state == ConnectionState.Handshaking)
        {
            HandOutEarly();
            return;
        }

        OnAccepted();
    }

    // TLS is done, and this side accepts the peer.
    private void OnAccepted()
    {
        if (IsServer)
        {
            EaseReturn();
            ReleaseTls();
        }

        ReleaseHeldStreams();
        _loop.ScheduleWrite(this);
        Establish();
    }

    // A client's connection is ready when the server has accepted the client too, which HANDSHAKE_DONE tells.
    private void Establish()
    {
        if (_state != ConnectionState.Judging || !_judged || (!IsServer && !_confirmed))
        {
            return;
        }

        _state = ConnectionState.Established;
        _established = true;
        if (_counted)
        {
            _counted = false;
            _owner.OnHandshakeEnded();
        }

        // Ahead of the application, which looks at it.
        _ready.TrySetResult();
        if (!_handedOut && !_owner.OnEstablished(this))
        {
            _established = false;
            Refuse();
            return;
        }

        _earlyReady?.TrySetResult();
        _loop.ScheduleWrite(this);
    }

    private void Refuse() => CloseLocally(
        new TransportException(TransportError.ConnectionRefused, "The listener's backlog is full."),
        QuicError.ConnectionRefused,
        application: false);

    // The session has done its part: packets are protected without it. Not within
    // a callback.
    private void ReleaseTls()
    {
        if (_tls is { Handle: not 0 } session)
        {
            NgApi.SetTlsHandle(Native, 0);
            session.Free();
            _tls = null;
        }
    }

    private void OnConfirmed()
    {
        _confirmed = true;
        if (!IsServer && _judged)
        {
            // Inside a callback: the connection may not be touched before it returns.
            _loop.Post(Establish);
        }
    }
}
