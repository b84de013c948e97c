using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

internal sealed unsafe partial class Connection
{
    private const ulong NanosecondsPerTick = 100;

    // A path that is being validated takes an id beside the one in use and the one to fall back on: with the protocol's two,
    // moves in quick succession would end the connection.
    private const ulong ConnectionIdLimit = 7;

    // Packets that are acknowledged at once without waiting for data to travel with. Two, the library's default, has every
    // other answer of a call acknowledged by a packet of its own, which wakes the peer for nothing.
    private const uint AckThreshold = 10;

    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<CidKey> _routes = [];
    private Action<byte[]>? _tokenReceived;
    private CheckedMemory? _memory;
    private bool _wantsTicket;
    private bool _counted;

    /// <summary>Completes when the handshake is done and judged on both sides; faults when it fails.</summary>
    public Task Ready => _ready.Task;

    /// <summary>What the client showed of its address when it began. For a listener's connections.</summary>
    public AddressProof Proof { get; private init; }

    /// <summary>Starts a client's handshake.</summary>
    public static Connection Connect(
        EndpointLoop loop, UdpSocket socket, ClientEndpoint owner, TransportConnectOptions options, in SockAddr remote,
        string targetHost)
    {
        loop.AssertOwned();
        var connection = new Connection(loop, socket, owner, options, in socket.Local, in remote, targetHost);
        NgCid dcid, scid;
        ConnectionIds.Fill(&dcid, ConnectionIds.Length);
        ConnectionIds.Fill(&scid, ConnectionIds.Length);
        var identity = options.Tls.SelectIdentity?.Invoke();
        var cache = owner.Resumption;
        var key = ResumptionKey.For(options, connection.RemoteEndPoint, targetHost, identity);
        var (ticket, token) = cache.Take(key);
        var early = options.EarlyData ? ticket?.Early : null;
        connection._tls = TlsSession.CreateClient(
            options, targetHost, identity, ticket?.Session, early is not null, cache.IsEnabled ? TicketReceived : null);
        connection._wantsTicket = cache.IsEnabled;
        connection._tokenReceived = cache.IsEnabled ? received => cache.AddToken(key, received) : null;
        void TicketReceived(ReceivedTicket received)
        {
            cache.AddTicket(key, connection.Remember(received));
            connection._wantsTicket = false;
        }

        var settings = connection.Settings();
        var parameters = connection.TransportParams();
        fixed (byte* data = token)
        {
            settings.Token = data;
            settings.TokenLen = (nuint)(token?.Length ?? 0);
            settings.TokenType = NgApi.TokenTypeNewToken;
            connection.Create(&dcid, &scid, NgApi.ProtocolVersion1, &settings, &parameters);
        }

        if (early is not null)
        {
            connection.OfferEarlyData(early);
        }

        loop.ScheduleWrite(connection);
        return connection;
    }

    /// <summary>Answers a client's first packet, which the caller then hands to <see cref="Receive"/>.</summary>
    public static Connection Accept(
        EndpointLoop loop, UdpSocket socket, ListenerShard owner, TransportListenerOptions options, in SockAddr local,
        in SockAddr remote, NgPacketHeader* header, AddressProof proof, NgCid* originalDcid)
    {
        loop.AssertOwned();
        var connection = new Connection(loop, socket, owner, options, in local, in remote, targetHost: null)
        {
            _counted = true,
            Proof = proof,
        };
        NgCid scid;
        owner.NewId(&scid);
        connection._tls = TlsSession.CreateServer(options, owner.TicketKeys, owner.EarlyTickets);
        var settings = connection.Settings();
        var parameters = connection.TransportParams();
        parameters.OriginalDcidPresent = 1;
        parameters.OriginalDcid = header->Dcid;
        if (proof == AddressProof.Retry)
        {
            parameters.OriginalDcid = *originalDcid;
            parameters.RetryScid = header->Dcid;
            parameters.RetryScidPresent = 1;
        }

        if (proof != AddressProof.None)
        {
            settings.Token = header->Token;
            settings.TokenLen = header->TokenLen;
            settings.TokenType = proof == AddressProof.Retry ? NgApi.TokenTypeRetry : NgApi.TokenTypeNewToken;
        }

        parameters.StatelessResetTokenPresent = 1;
        connection.ResetToken(&scid, parameters.StatelessResetToken);
        connection.Create(&header->Scid, &scid, header->Version, &settings, &parameters);
        connection.AddRoute(CidKey.From(&scid));
        connection.AddRoute(CidKey.From(&header->Dcid));
        return connection;
    }

    private NgSettings Settings()
    {
        NgSettings settings;
        NgApi.SettingsDefault(NgApi.SettingsVersion, &settings);
        settings.InitialTs = _loop.Now;
        settings.CcAlgo = _loop.Options.NativeCongestionControl;
        settings.MaxTxUdpPayloadSize = (nuint)_maxPayload;
        settings.PmtudProbes = PathMtu.Probes(_maxPayload, out var probes);
        settings.PmtudProbesLen = (nuint)probes;
        settings.HandshakeTimeout = Nanoseconds(_options.HandshakeTimeout);
        settings.AckThresh = AckThreshold;
        // Both windows are ours: the application's reading alone extends them.
        settings.MaxWindow = 0;
        settings.MaxStreamWindow = 0;
        return settings;
    }

    private NgTransportParams TransportParams()
    {
        NgTransportParams parameters;
        NgApi.TransportParamsDefault(NgApi.TransportParamsVersion, &parameters);
        parameters.InitialMaxStreamDataBidiLocal = (ulong)_options.StreamReceiveWindow;
        parameters.InitialMaxStreamDataBidiRemote = (ulong)_options.StreamReceiveWindow;
        parameters.InitialMaxStreamDataUni = (ulong)_options.StreamReceiveWindow;
        parameters.InitialMaxData = (ulong)_options.ConnectionReceiveWindow;
        parameters.InitialMaxStreamsBidi = (ulong)_options.MaxInboundBidirectionalStreams;
        parameters.InitialMaxStreamsUni = (ulong)_options.MaxInboundUnidirectionalStreams;
        parameters.ActiveConnectionIdLimit = ConnectionIdLimit;
        parameters.MaxIdleTimeout = _options.IdleTimeout == Timeout.InfiniteTimeSpan ? 0 : Nanoseconds(_options.IdleTimeout);
        return parameters;
    }

    private void Create(NgCid* dcid, NgCid* scid, uint version, NgSettings* settings, NgTransportParams* parameters)
    {
        _self = new GCHandle<Connection>(this);
        _loop.AddConnection();
        var limit = Nanoseconds(_options.HandshakeTimeout);
        _verdictDue = limit < ulong.MaxValue - _loop.Now ? _loop.Now + limit : ulong.MaxValue;
        var local = _local;
        var remote = _remote;
        var path = PathOf(&local, &remote);
        var callbacks = Callbacks.Table(IsServer);
        _memory = NativeChecks.Enabled ? new CheckedMemory() : null;
        nint native;
        var result = IsServer
            ? NgApi.ServerNew(
                &native, dcid, scid, &path, version, NgApi.CallbacksVersion, callbacks, NgApi.SettingsVersion, settings,
                NgApi.TransportParamsVersion, parameters, _memory?.Table ?? 0, GCHandle<Connection>.ToIntPtr(_self))
            : NgApi.ClientNew(
                &native, dcid, scid, &path, version, NgApi.CallbacksVersion, callbacks, NgApi.SettingsVersion, settings,
                NgApi.TransportParamsVersion, parameters, _memory?.Table ?? 0, GCHandle<Connection>.ToIntPtr(_self));
        if (result != 0)
        {
            var failure = Failures.FromLibrary(result, established: false);
            Free();
            throw failure;
        }

        _native = native;
        _tls!.Attach(native);
        if (_options.KeepAliveInterval != Timeout.InfiniteTimeSpan)
        {
            NgApi.SetKeepAlive(native, Nanoseconds(_options.KeepAliveInterval));
            _hearsKeepAlives = _options.IdleTimeout != Timeout.InfiniteTimeSpan;
            _idleTimeout = _hearsKeepAlives ? Nanoseconds(_options.IdleTimeout) : 0;
        }
    }

    /// <summary>The stateless reset token of a connection ID of this side: 16 bytes. Loop's thread.</summary>
    public void ResetToken(NgCid* id, byte* token)
    {
        fixed (byte* key = _owner.ResetKey)
        {
            if (NgCrypto.GenerateStatelessResetToken(token, key, (nuint)_owner.ResetKey.Length, id) != 0)
            {
                throw new TransportException(TransportError.Internal, "The stateless reset token cannot be made.");
            }
        }
    }

    // A client's packets find it by its socket.
    private void AddRoute(CidKey id)
    {
        if (IsServer)
        {
            _routes.Add(id);
            _owner.AddRoute(id, this);
        }
    }

    private void RemoveRoute(CidKey id)
    {
        _routes.Remove(id);
        _owner.RemoveRoute(id);
    }

    /// <summary>Gives everything native back. The last thing that happens to a connection.</summary>
    private void Free()
    {
        _loop.AssertOwned();
        if (_state == ConnectionState.Freed)
        {
            return;
        }

        _state = ConnectionState.Freed;
        _loop.RemoveConnection(this);
        foreach (var route in _routes)
        {
            _owner.RemoveRoute(route);
        }

        _routes.Clear();
        if (_native != 0)
        {
            NgApi.Delete(Native);
            _native = 0;
        }

        _memory?.Close();

        // Send buffers go back only now: until its deletion libngtcp2 may read them.
        FreeStreams();
        _tls?.Free();
        _self.Dispose();
        _owner.OnFreed(this, _socket);
    }

    // What lets the client come back with less: a ticket for TLS and a token for its address.
    private void EaseReturn()
    {
        var result = _tls!.SendTicket();
        if (result < 0)
        {
            Ngtcp2Log.TicketFailed(_loop.Logger, RemoteEndPoint, GnuTls.Text(result));
        }

        var token = stackalloc byte[NgCrypto.MaxRegularToken];
        var length = ((ListenerShard)_owner).WriteAddressToken(token, in _remote, _loop);
        if (length > 0)
        {
            _ = NgApi.SubmitNewToken(Native, token, (nuint)length);
        }
    }

    private static NgPath PathOf(SockAddr* local, SockAddr* remote) => new()
    {
        Local = new NgAddr { Addr = (byte*)local, AddrLen = local->Length },
        Remote = new NgAddr { Addr = (byte*)remote, AddrLen = remote->Length },
    };

    private static ulong Nanoseconds(TimeSpan time) =>
        time == Timeout.InfiniteTimeSpan ? ulong.MaxValue : (ulong)time.Ticks * NanosecondsPerTick;
}

/// <summary>How a client has shown that it receives at its address (RFC 9000 section 8.1).</summary>
internal enum AddressProof
{
    None,

    /// <summary>It answered a Retry.</summary>
    Retry,

    /// <summary>It brought a token from an earlier connection.</summary>
    EarlierConnection,
}
