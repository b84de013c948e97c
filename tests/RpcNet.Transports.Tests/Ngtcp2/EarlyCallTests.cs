using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.Extensions.Logging;
using RpcNet.Client;
using RpcNet.Server;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.Transports.Tests.Ngtcp2;

/// <summary>Calls as early data (0-RTT), from channel to handler.</summary>
public sealed class EarlyCallTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);
    private static readonly byte[] s_key = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    private static readonly RpcUnaryMethod<string, string> s_read = Method("Read", replayable: true);
    private static readonly RpcUnaryMethod<string, string> s_write = Method("Write", replayable: false);

    // The same name as Write has, by a client that takes it for replayable.
    private static readonly RpcUnaryMethod<string, string> s_mistaken = Method("Write", replayable: true);

    [Theory]
    [InlineData(ClientCertificateMode.None, Ngtcp2RetryPolicy.UnderLoad)]
    [InlineData(ClientCertificateMode.Required, Ngtcp2RetryPolicy.UnderLoad)]
    [InlineData(ClientCertificateMode.None, Ngtcp2RetryPolicy.Always)]
    public async Task Call_Replayable_IsAnsweredBeforeTheHandshakeIsComplete(ClientCertificateMode mode, Ngtcp2RetryPolicy retry)
    {
        await using var setup = await Setup.StartAsync(mode, new Ngtcp2TransportOptions { AcceptEarlyData = true, Retry = retry });
        await setup.EarnTicketAsync();
        setup.Tap.HoldAnswers();
        await using var channel = setup.Channel();

        var call = channel.InvokeUnaryAsync(s_read, "again", null, default).AsTask();
        await setup.Service.Entered("again").WaitAsync(s_limit);

        // The server never gets the client's last flight, so that its handshake cannot be complete; and yet it answers.
        setup.Tap.DropRequests();
        setup.Tap.ReleaseAnswers();
        Assert.Equal("read again", await call.WaitAsync(s_limit));
        Assert.False(channel.IsReady);

        setup.Tap.DropRequests(false);
        Assert.Equal("wrote more", await channel.InvokeUnaryAsync(s_write, "more", null, default).AsTask().WaitAsync(s_limit));
        Assert.True(channel.IsReady);
        Assert.Equal(1, setup.Service.Count("again"));
        Assert.Contains(setup.Log.Written, static l => l.Contains("early data: Accepted", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Call_NotReplayable_IsNeverSentEarly()
    {
        await using var setup = await Setup.StartAsync();
        using var held = new HeldCalls();
        await setup.EarnTicketAsync();
        setup.Tap.HoldAnswers();
        await using var channel = setup.Channel();

        var write = channel.InvokeUnaryAsync(s_write, "write", null, default).AsTask();
        var read = channel.InvokeUnaryAsync(s_read, "read", null, default).AsTask();
        await setup.Service.Entered("read").WaitAsync(s_limit);

        Assert.Equal(0, setup.Service.Count("write"));
        setup.Tap.ReleaseAnswers();
        Assert.Equal(["wrote write", "read read"], await Task.WhenAll(write, read).WaitAsync(s_limit));
        Assert.Equal(1, setup.Service.Count("write"));
        Assert.Equal(0, held.Count);
    }

    [Fact]
    public async Task Call_EarlyDataOffAtTheChannel_IsNotSentEarly()
    {
        await using var setup = await Setup.StartAsync();
        await setup.EarnTicketAsync();
        var accepted = setup.AcceptedEarlyData;
        await using var channel = setup.Channel(earlyData: false);

        Assert.Equal("read again", await channel.InvokeUnaryAsync(s_read, "again", null, default).AsTask().WaitAsync(s_limit));

        Assert.Equal(accepted, setup.AcceptedEarlyData);
    }

    [Fact]
    public async Task Call_EarlyAndNotMarkedAtTheServer_IsHeldUntilTheHandshakeIsComplete()
    {
        await using var setup = await Setup.StartAsync();
        using var held = new HeldCalls();
        await setup.EarnTicketAsync();
        setup.Tap.HoldAnswers();
        await using var channel = setup.Channel();

        var call = channel.InvokeUnaryAsync(s_mistaken, "write", null, default).AsTask();
        await held.One.WaitAsync(s_limit);

        Assert.Equal(0, setup.Service.Count("write"));
        setup.Tap.ReleaseAnswers();
        Assert.Equal("wrote write", await call.WaitAsync(s_limit));
        Assert.Equal(1, setup.Service.Count("write"));
    }

    [Fact]
    public async Task Call_ServerTakesNoEarlyDataAnyMore_IsSentAgainUnnoticed()
    {
        await using var setup = await Setup.StartAsync();
        await setup.EarnTicketAsync();
        await setup.RestartAsync(new Ngtcp2TransportOptions { SecretKey = s_key });
        await using var channel = setup.Channel();

        Assert.Equal("read again", await setup.CallEarlyAsync(channel, "again"));

        Assert.Equal(1, setup.Service.Count("again"));
        Assert.Contains(setup.Log.Written, static l => l.Contains("early data: Rejected", StringComparison.Ordinal));
        Assert.Equal("wrote more", await channel.InvokeUnaryAsync(s_write, "more", null, default).AsTask().WaitAsync(s_limit));
    }

    [Fact]
    public async Task Call_TicketKeyRotated_IsSentAgainAfterAFullHandshake()
    {
        var key = s_key;
        await using var setup = await Setup.StartAsync(
            engine: new Ngtcp2TransportOptions { AcceptEarlyData = true, SecretKey = s_key, SessionTicketKey = () => key });
        await setup.EarnTicketAsync();
        key = [.. s_key.Reverse()];
        await using var channel = setup.Channel();

        Assert.Equal("read again", await setup.CallEarlyAsync(channel, "again"));

        Assert.Equal(1, setup.Service.Count("again"));
        Assert.Contains(setup.Log.Written, static l => l.Contains("early data: Rejected", StringComparison.Ordinal));
        Assert.Equal(0, setup.AcceptedEarlyData);
    }

    [Fact]
    public async Task Call_CancelledBeforeTheServerRefusesEarlyData_IsNotSentAgain()
    {
        await using var setup = await Setup.StartAsync();
        await setup.EarnTicketAsync();
        await setup.RestartAsync(new Ngtcp2TransportOptions { SecretKey = s_key });
        await using var channel = setup.Channel();
        using var cancellation = new CancellationTokenSource();
        setup.Tap.HoldAnswers();
        var given = channel.InvokeUnaryAsync(s_read, "given up", null, cancellation.Token).AsTask();
        await WaitUntilAsync(() => setup.Tap.Recorded.Any(IsEarly));
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given.WaitAsync(s_limit));

        Assert.Equal("read again", await setup.CallEarlyAsync(channel, "again"));

        Assert.Equal("wrote more", await channel.InvokeUnaryAsync(s_write, "more", null, default).AsTask().WaitAsync(s_limit));
        Assert.Equal(0, setup.Service.Count("given up"));
        Assert.Equal(1, setup.Service.Count("again"));
    }

    [Fact]
    public async Task Call_AnotherServerInThePlaceOfTheOneKnown_GetsNothing()
    {
        await using var setup = await Setup.StartAsync();
        await setup.EarnTicketAsync();
        await setup.RestartAsync(
            new Ngtcp2TransportOptions { SecretKey = s_key }, TestCertificates.Create("somebody else").Issue("localhost", client: false));
        await using var channel = setup.Channel();

        var e = await Assert.ThrowsAsync<RpcFaultException>(() => setup.CallEarlyAsync(channel, "secret"));

        Assert.Equal(TransportError.AuthenticationFailed, Assert.IsType<TransportException>(e.InnerException).Error);
        Assert.Equal(0, setup.Service.Count("secret"));
    }

    [Fact]
    public async Task Call_AddressHasToBeProvedFirst_IsEarlyAllTheSame()
    {
        await using var setup = await Setup.StartAsync(engine: new Ngtcp2TransportOptions
        {
            AcceptEarlyData = true,
            Retry = Ngtcp2RetryPolicy.Always,
            AddressTokenLifetime = TimeSpan.Zero,
        });
        await setup.EarnTicketAsync();
        await using var channel = setup.Channel();

        Assert.Equal("read again", await channel.InvokeUnaryAsync(s_read, "again", null, default).AsTask().WaitAsync(s_limit));

        Assert.Equal(1, setup.Service.Count("again"));
        Assert.Equal(1, setup.AcceptedEarlyData);
    }

    [Fact]
    public async Task Call_TooLargeForEarlyData_TakesTheOrdinaryWay()
    {
        await using var setup = await Setup.StartAsync();
        await setup.EarnTicketAsync();
        await using var channel = setup.Channel();
        var large = new string('x', 200_000);

        Assert.Equal("read " + large, await channel.InvokeUnaryAsync(s_read, large, null, default).AsTask().WaitAsync(s_limit));

        Assert.Equal(1, setup.Service.Count(large));
    }

    [Fact]
    public async Task Call_ServerGone_FailsLikeAnyOther()
    {
        await using var setup = await Setup.StartAsync();
        await setup.EarnTicketAsync();
        setup.Tap.DropRequests();
        await using var channel = setup.Channel(connectTimeout: TimeSpan.FromSeconds(1));

        var e = await Assert.ThrowsAsync<RpcFaultException>(
            () => channel.InvokeUnaryAsync(s_read, "lost", null, default).AsTask().WaitAsync(s_limit));

        Assert.Equal(RpcStatusCode.Unavailable, e.Status);
        Assert.Equal(0, setup.Service.Count("lost"));
    }

    [Fact]
    public async Task FirstFlight_Replayed_IsNotDispatchedAgain()
    {
        await using var setup = await Setup.StartAsync();
        var flight = await setup.RecordFlightAsync(arrives: true);
        Assert.Equal(1, setup.AcceptedEarlyData);

        await UdpTap.ReplayAsync(flight, setup.Address, new CancellationTokenSource(s_limit).Token);
        await UdpTap.ReplayAsync(flight, setup.Address, new CancellationTokenSource(s_limit).Token);

        // The server answers with its part of a handshake that only the client could complete.
        Assert.Equal(1, setup.AcceptedEarlyData);
        Assert.Equal(1, setup.Service.Count("recorded"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FirstFlight_NeverSeenByTheServerThatGetsIt_IsNotDispatchedThere(bool restarted)
    {
        // The key is the same, so that the ticket is good for a resumption.
        var engine = new Ngtcp2TransportOptions { AcceptEarlyData = true, SecretKey = s_key, SessionTicketKey = () => s_key };
        await using var setup = await Setup.StartAsync(engine: engine);
        var flight = await setup.RecordFlightAsync(arrives: false);
        Assert.Equal(0, setup.Service.Count("recorded"));
        if (restarted)
        {
            await setup.RestartAsync(engine);
        }

        await using var other = restarted ? null : await Setup.StartAsync(engine: engine);
        var target = other ?? setup;

        await UdpTap.ReplayAsync(flight, target.Address, new CancellationTokenSource(s_limit).Token);

        Assert.Equal(0, target.AcceptedEarlyData);
        Assert.Equal(0, target.Service.Count("recorded"));
    }

    [Fact]
    public async Task Call_ClientNoLongerTrusted_IsNotDispatched()
    {
        string? verdict = null;
        await using var setup = await Setup.StartAsync(ClientCertificateMode.Required, validate: _ => verdict);
        await setup.EarnTicketAsync();
        verdict = "revoked";
        await using var channel = setup.Channel();

        await Assert.ThrowsAsync<RpcFaultException>(
            () => channel.InvokeUnaryAsync(s_read, "revoked", null, default).AsTask().WaitAsync(s_limit));

        Assert.NotEqual(0, setup.AcceptedEarlyData);
        Assert.Equal(0, setup.Service.Count("revoked"));
    }

    [Fact]
    public async Task Call_ClientBeingJudged_IsNotDispatchedBefore()
    {
        using var verdict = new ManualResetEventSlim(initialState: true);
        var judging = new SemaphoreSlim(0);
        await using var setup = await Setup.StartAsync(ClientCertificateMode.Required, validate: _ =>
        {
            judging.Release();
            verdict.Wait(s_limit);
            return null;
        });
        await setup.EarnTicketAsync();
        Assert.True(await judging.WaitAsync(s_limit));
        verdict.Reset();
        await using var channel = setup.Channel();

        var call = channel.InvokeUnaryAsync(s_read, "judged", null, default).AsTask();
        Assert.True(await judging.WaitAsync(s_limit));
        var early = setup.Server.Connections;
        var dispatched = setup.Service.Count("judged");
        verdict.Set();

        Assert.Equal("read judged", await call.WaitAsync(s_limit));
        Assert.Equal((0, 0), (early, dispatched));
        Assert.Equal("CN=client", setup.Service.Caller("judged"));
    }

    [Fact]
    public async Task Call_ServerNoLongerTrusted_IsNotSent()
    {
        string? verdict = null;
        await using var setup = await Setup.StartAsync();
        await setup.EarnTicketAsync(_ => verdict);
        verdict = "no longer";
        await using var channel = setup.Channel(validate: _ => verdict);

        await Assert.ThrowsAsync<RpcFaultException>(
            () => channel.InvokeUnaryAsync(s_read, "distrusted", null, default).AsTask().WaitAsync(s_limit));

        Assert.Equal(0, setup.Service.Count("distrusted"));
    }

    [Fact]
    public void Channel_EngineWithoutEarlyData_SaysSo()
    {
        var options = new RpcChannelOptions
        {
            EndPoint = new IPEndPoint(IPAddress.Loopback, 1),
            Tls = new TlsClientOptions { ValidateServer = _ => null },
            EarlyData = true,
        };

        var e = Assert.Throws<NotSupportedException>(() => new RpcChannel(new SystemNetQuicTransport(), options));

        Assert.Contains("SystemNetQuic", e.Message, StringComparison.Ordinal);
    }

    private static async Task WaitUntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(s_limit);
        while (!condition())
        {
            await Task.Delay(10, limit.Token);
        }
    }

    // Whether a datagram has a 0-RTT packet in it (RFC 9000 section 17.2.3), alone or behind an Initial packet.
    private static bool IsEarly(byte[] datagram)
    {
        var rest = datagram.AsSpan();
        while (rest.Length > 7 && (rest[0] & 0x80) != 0)
        {
            var type = (rest[0] >> 4) & 3;
            if (type == 1)
            {
                return true;
            }

            var at = 5 + 1 + rest[5];
            at += 1 + rest[at];
            if (type == 0)
            {
                var token = ReadVarInt(rest, ref at);
                at += (int)token;
            }

            var length = ReadVarInt(rest, ref at);
            rest = rest[Math.Min(rest.Length, at + (int)length)..];
        }

        return false;
    }

    private static long ReadVarInt(ReadOnlySpan<byte> bytes, ref int at)
    {
        var length = 1 << (bytes[at] >> 6);
        long value = bytes[at++] & 0x3f;
        for (var i = 1; i < length; i++)
        {
            value = (value << 8) | bytes[at++];
        }

        return value;
    }

    private static RpcUnaryMethod<string, string> Method(string name, bool replayable) => new(
        "test.Early", name, RpcMarshaller.Value<string>(), RpcMarshaller.Value<string>(), idempotent: true, replayable: replayable);

    /// <summary>Counts calls by their argument.</summary>
    private sealed class Service
    {
        private readonly ConcurrentDictionary<string, int> _calls = new();
        private readonly ConcurrentDictionary<string, string?> _callers = new();
        private readonly ConcurrentDictionary<string, TaskCompletionSource> _entered = new();

        public int Count(string request) => _calls.GetValueOrDefault(request);

        public string? Caller(string request) => _callers.GetValueOrDefault(request);

        public Task Entered(string request) => Source(request).Task;

        public RpcServiceMap Map() => new RpcServiceMap()
            .MapUnary(s_read, (request, context, _) => Answer("read", request, context))
            .MapUnary(s_write, (request, context, _) => Answer("wrote", request, context));

        private ValueTask<string> Answer(string what, string request, RpcCallContext context)
        {
            _calls.AddOrUpdate(request, 1, static (_, n) => n + 1);
            _callers[request] = context.PeerCertificate?.Subject;
            Source(request).TrySetResult();
            return new ValueTask<string>($"{what} {request}");
        }

        private TaskCompletionSource Source(string request) =>
            _entered.GetOrAdd(request, static _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
    }

    /// <summary>Counts the early calls that servers hold until the handshake is complete.</summary>
    private sealed class HeldCalls : IDisposable
    {
        private readonly MeterListener _meters = new();
        private readonly TaskCompletionSource _one = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _count;

        public HeldCalls()
        {
            _meters.InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument.Name == "rpcnet.server.early_calls")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _meters.SetMeasurementEventCallback<long>((_, value, tags, _) =>
            {
                foreach (var tag in tags)
                {
                    if (tag is { Key: "rpcnet.early_call.outcome", Value: "held" })
                    {
                        Interlocked.Add(ref _count, (int)value);
                        _one.TrySetResult();
                    }
                }
            });
            _meters.Start();
        }

        public int Count => Volatile.Read(ref _count);

        public Task One => _one.Task;

        public void Dispose() => _meters.Dispose();
    }

    private sealed class Lines : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Written { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Written.Enqueue(formatter(state, exception));
    }

    /// <summary>A server behind a tap, and the transport of its clients.</summary>
    private sealed class Setup : IAsyncDisposable
    {
        private readonly PeerCertificateValidator? _validate;
        private readonly ClientCertificateMode _mode;
        private RpcListener _listener = null!;
        private TlsIdentity? _identity;

        private Setup(ClientCertificateMode mode, PeerCertificateValidator? validate)
        {
            _mode = mode;
            _validate = validate;
            Clients = new Ngtcp2Transport(loggerFactory: Log);
            Server = new RpcServer(Service.Map(), new RpcServerOptions());
        }

        public Service Service { get; } = new();

        public Lines Log { get; } = new();

        public Lines ServerLog { get; } = new();

        public Ngtcp2Transport Clients { get; }

        public RpcServer Server { get; private set; }

        public UdpTap Tap { get; private set; } = null!;

        public IPEndPoint Address => _listener.LocalEndPoint;

        /// <summary>First flights that the server took early data of.</summary>
        public int AcceptedEarlyData =>
            ServerLog.Written.Count(static l => l.Contains("sends early data, and its ticket allows it", StringComparison.Ordinal));

        public static async Task<Setup> StartAsync(
            ClientCertificateMode mode = ClientCertificateMode.None,
            Ngtcp2TransportOptions? engine = null,
            PeerCertificateValidator? validate = null)
        {
            Assert.SkipUnless(Ngtcp2Transport.IsSupported, Ngtcp2Transport.UnsupportedReason ?? "");
            var setup = new Setup(mode, validate);
            await setup.ListenAsync(new IPEndPoint(IPAddress.Loopback, 0), engine ?? new Ngtcp2TransportOptions { AcceptEarlyData = true, SecretKey = s_key });
            setup.Tap = new UdpTap(setup.Address);
            return setup;
        }

        public async Task RestartAsync(Ngtcp2TransportOptions engine, TlsIdentity? identity = null)
        {
            var address = Address;
            _identity = identity;
            await _listener.DisposeAsync();
            Server = new RpcServer(Service.Map(), new RpcServerOptions());
            ServerLog.Written.Clear();
            await ListenAsync(address, engine);
        }

        public RpcChannel Channel(
            bool earlyData = true, PeerCertificateValidator? validate = null, TimeSpan? connectTimeout = null) => new(Clients, new RpcChannelOptions
            {
                EndPoint = Tap.EndPoint,
                EarlyData = earlyData,
                ConnectTimeout = connectTimeout ?? TimeSpan.FromSeconds(15),
                IdleTimeout = TimeSpan.FromSeconds(15),
                Tls = new TlsClientOptions
                {
                    TargetHost = "localhost",
                    SelectIdentity = _mode == ClientCertificateMode.None ? null : static () => TestCertificates.Shared.Client,
                    ValidateServer = validate ?? CertificateValidators.CustomTrust(() => TestCertificates.Shared.Roots),
                },
            });

        /// <summary>Makes a first connection, and leaves with a ticket. It comes ahead of the first answer.</summary>
        public async Task EarnTicketAsync(PeerCertificateValidator? validate = null)
        {
            await using var channel = Channel(validate: validate);
            await channel.InvokeUnaryAsync(s_read, "first", null, default).AsTask().WaitAsync(s_limit);
            await channel.DisposeAsync();
            await WaitUntilAsync(() => Server.Connections == 0);
        }

        /// <summary>Makes a call whose connection has sent early data when it hears of the server.</summary>
        public async Task<string> CallEarlyAsync(RpcChannel channel, string request)
        {
            Tap.HoldAnswers();
            var call = channel.InvokeUnaryAsync(s_read, request, null, default).AsTask();
            await WaitUntilAsync(() => Tap.Recorded.Any(IsEarly));
            Tap.ReleaseAnswers();
            return await call.WaitAsync(s_limit);
        }

        /// <summary>What a client sends before it has heard of the server, with a call in it.</summary>
        /// <param name="arrives">Whether the server gets it, and answers the call; otherwise the client gives up unheard.</param>
        public async Task<byte[][]> RecordFlightAsync(bool arrives)
        {
            await EarnTicketAsync();
            Tap.Forget();
            Tap.HoldAnswers();
            Tap.DropRequests(!arrives);
            await using var channel = Channel();
            using var cancellation = new CancellationTokenSource();
            var call = channel.InvokeUnaryAsync(s_read, "recorded", null, cancellation.Token).AsTask();
            await (arrives ? Service.Entered("recorded").WaitAsync(s_limit) : WaitUntilAsync(() => Tap.Recorded.Any(IsEarly)));
            var flight = Tap.Recorded;
            Assert.Contains(flight, IsEarly);
            if (arrives)
            {
                Tap.ReleaseAnswers();
                await call.WaitAsync(s_limit);
            }
            else
            {
                await cancellation.CancelAsync();
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.WaitAsync(s_limit));
            }

            await channel.DisposeAsync();
            await WaitUntilAsync(() => Server.Connections == 0);
            return flight;
        }

        public async ValueTask DisposeAsync()
        {
            await Tap.DisposeAsync();
            await _listener.DisposeAsync();
        }

        private async Task ListenAsync(IPEndPoint address, Ngtcp2TransportOptions engine) => _listener = await RpcListener.StartAsync(
            new Ngtcp2Transport(engine, ServerLog),
            address,
            new TlsServerOptions
            {
                SelectIdentity = _ => _identity ?? TestCertificates.Shared.Server,
                ClientCertificates = _mode,
                ValidateClient = _validate ?? CertificateValidators.CustomTrust(() => TestCertificates.Shared.Roots),
            },
            [Server]);
    }
}
