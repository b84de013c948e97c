using System.Net;
using System.Net.Security;
using System.Runtime.InteropServices;
using System.Security.Cryptography.X509Certificates;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>Where a connection stands.</summary>
internal enum ConnectionState
{
    Handshaking,

    /// <summary>TLS is done; the peer's certificate is being judged, or a client waits for the server's confirmation.</summary>
    Judging,
    Established,

    /// <summary>This side closed (RFC 9000 section 10.2.1).</summary>
    Closing,

    /// <summary>The peer closed (RFC 9000 section 10.2.2).</summary>
    Draining,
    Freed,
}

/// <summary>One QUIC connection. The application's side is in this file; everything native happens on the loop's thread.</summary>
internal sealed partial class Connection : TimerEntry, ITransportConnection
{
    private readonly EndpointLoop _loop;
    private UdpSocket _socket;
    private readonly ConnectionOwner _owner;
    private readonly TransportConnectionOptions _options;
    private readonly string? _targetHost;
    private readonly int _maxPayload;
    private readonly TaskCompletionSource<TransportException> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _closeSent = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly AcceptQueue<Stream> _incoming = new();
    private SockAddr _local;
    private SockAddr _remote;
    private TlsSession? _tls;
    private nint _native;
    private GCHandle<Connection> _self;
    private ConnectionState _state;
    private volatile TransportException? _end;
    private CloseRequest? _closeRequest;
    private byte[]? _peerCertificate;
    private X509Certificate2? _certificate;
    private int _requested;

    private Connection(
        EndpointLoop loop, UdpSocket socket, ConnectionOwner owner, TransportConnectionOptions options, in SockAddr local,
        in SockAddr remote, string? targetHost)
    {
        _loop = loop;
        _socket = socket;
        _owner = owner;
        _options = options;
        _local = local;
        _remote = remote;
        _targetHost = targetHost;
        IsServer = options is TransportListenerOptions;
        LocalEndPoint = local.ToEndPoint();
        RemoteEndPoint = remote.ToEndPoint();
        _maxPayload = loop.Options.MaxUdpPayloadSizeTo(RemoteEndPoint.Address);
        _bidirectional = new StreamLimit(_openGate, number => CreateLocal(number, bidirectional: true));
        _unidirectional = new StreamLimit(_openGate, number => CreateLocal(number, bidirectional: false));
    }

    private sealed record CloseRequest(long Code);

    public bool IsServer { get; }

    public SslApplicationProtocol ApplicationProtocol { get; private set; }

    public IPEndPoint LocalEndPoint { get; private set; }

    public IPEndPoint RemoteEndPoint { get; private set; }

    // Made when someone asks: the library's form of a certificate takes several times what its bytes do.
    public X509Certificate2? RemoteCertificate
    {
        get
        {
            if (_peerCertificate is null || _certificate is not null)
            {
                return _certificate;
            }

            var certificate = X509CertificateLoader.LoadCertificate(_peerCertificate);
            if (Interlocked.CompareExchange(ref _certificate, certificate, null) is not { } first)
            {
                return certificate;
            }

            certificate.Dispose();
            return first;
        }
    }

    public Task<TransportException> Closed => _closed.Task;

    /// <summary>The next connection in the loop's list of those that asked for attention.</summary>
    public Connection? NextReady { get; set; }

    public bool WriteScheduled { get; set; }

    public EndpointLoop Loop => _loop;

    public TransportConnectionOptions Options => _options;

    /// <summary>Whether the application has had the connection, or may have. Loop's thread.</summary>
    public bool IsEstablished => _established || _handedOut;

    // The connection in libngtcp2, for a call into it.
    private nint Native
    {
        get
        {
            if (NativeChecks.Enabled)
            {
                _loop.AssertOwned();
                if (_native == 0)
                {
                    NativeChecks.Fail("libngtcp2 was called for a connection that is freed or not yet made");
                }
            }

            return _native;
        }
    }

    /// <summary>Streams that wait for the peer's windows or for less in flight. Loop's thread.</summary>
    public int StreamsPutAside => _blocked.Count + _capped.Count;

    /// <summary>Whether it is neither closed nor closing. Loop's thread.</summary>
    public bool IsLive => _state < ConnectionState.Closing;

    /// <summary>Why the connection is over, or null.</summary>
    public TransportException? End => _end;

    public ValueTask<ITransportStream> AcceptStreamAsync(CancellationToken cancellationToken = default)
    {
        var taken = _incoming.TakeAsync(cancellationToken);
        return taken.IsCompletedSuccessfully ? new ValueTask<ITransportStream>(Accepted(taken.Result)) : Wait(taken);

        // On the caller's context, as a bare source would: who has one keeps off the thread pool.
        async ValueTask<ITransportStream> Wait(ValueTask<Stream> pending) => Accepted(await pending.ConfigureAwait(true));

        static Stream Accepted(Stream stream)
        {
            stream.MarkAccepted();
            return stream;
        }
    }

    public ValueTask CloseAsync(long errorCode, CancellationToken cancellationToken = default)
    {
        Failures.CheckCode(errorCode);
        if (Interlocked.CompareExchange(ref _closeRequest, new CloseRequest(errorCode), null) is null)
        {
            RequestAttention();
        }

        return new ValueTask(_closeSent.Task.WaitAsync(cancellationToken));
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync(_options.DefaultCloseErrorCode).ConfigureAwait(false);
        _certificate?.Dispose();
    }

    /// <summary>Has the loop look at what was asked of this connection. Any thread.</summary>
    public void RequestAttention()
    {
        if (Interlocked.Exchange(ref _requested, 1) == 0)
        {
            _loop.PostReady(this);
        }
    }

    /// <summary>Does what the application asked for since the last time. Loop's thread.</summary>
    public void ProcessRequests()
    {
        // Cleared before looking: what is asked after this comes again.
        Interlocked.Exchange(ref _requested, 0);
        if (_state >= ConnectionState.Closing)
        {
            DropStreamRequests();
            return;
        }

        if (_closeRequest is { } request)
        {
            CloseLocally(Failures.Disposed("The connection"), (ulong)request.Code, application: true);
            return;
        }

        // In this order: a stream that asks for something was queued to be opened before it asked.
        var requests = TakeStreamRequests();
        OpenRequestedStreams();
        if (_state >= ConnectionState.Closing)
        {
            return;
        }

        GrantConnectionCredit();
        ProcessStreamRequests(requests);
        _loop.ScheduleWrite(this);
    }

    // A connection that ends by itself has nothing left to send for a later CloseAsync.
    private void Finish(TransportException reason)
    {
        if (_end is not null)
        {
            return;
        }

        _end = reason;
        if (_counted)
        {
            _counted = false;
            _owner.OnHandshakeEnded();
        }

        FailStreams(reason);
        foreach (var stream in _incoming.Close(reason))
        {
            stream.Fail(reason);
        }

        _owner.OnFinished(this, reason, _established);
        _ready.TrySetException(reason);
        _ = _ready.Task.Exception;
        if (_earlyReady is { } early)
        {
            early.TrySetException(reason);
            _ = early.Task.Exception;
        }

        _closed.TrySetResult(reason);
        _closeSent.TrySetResult();
    }
}

/// <summary>What made a connection: a listener or the client's endpoint. Called on the loop's thread.</summary>
internal abstract unsafe class ConnectionOwner
{
    /// <summary>Makes an id for a connection.</summary>
    public virtual void NewId(NgCid* id) => ConnectionIds.Fill(id, ConnectionIds.Length);

    /// <summary>Opens another socket towards a peer; null when that can't be done.</summary>
    public virtual UdpSocket? OpenSocket(IPEndPoint remote, IPacketSink sink) => null;

    /// <summary>A connection id by which packets find the connection from now on.</summary>
    public virtual void AddRoute(CidKey id, Connection connection)
    {
    }

    public virtual void RemoveRoute(CidKey id)
    {
    }

    /// <summary>The connection is ready for the application; false when nobody will take it.</summary>
    public abstract bool OnEstablished(Connection connection);

    /// <summary>It is no longer in its handshake.</summary>
    public virtual void OnHandshakeEnded()
    {
    }

    public abstract void OnFinished(Connection connection, TransportException reason, bool wasEstablished);

    /// <summary>Nothing of it is left.</summary>
    public abstract void OnFreed(Connection connection, UdpSocket socket);

    /// <summary>The key behind stateless reset tokens.</summary>
    public abstract ReadOnlySpan<byte> ResetKey { get; }
}
