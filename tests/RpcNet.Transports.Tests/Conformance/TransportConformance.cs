using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using RpcNet.Testing;

namespace RpcNet.Transports.Tests.Conformance;

/// <summary>
/// What every engine behind the transport seam must do. A subclass names the engine, says whether it can load here, makes
/// transports and, where the engine does not use UDP, its own breakable path.
/// </summary>
public abstract partial class TransportConformance : IAsyncLifetime
{
    /// <summary>Generous: a test that needs longer hangs.</summary>
    private static readonly TimeSpan TestLimit = TimeSpan.FromSeconds(60);

    protected static readonly SslApplicationProtocol Alpn = new("rpcnet-test/1");
    protected static readonly SslApplicationProtocol OtherAlpn = new("rpcnet-other/1");

    private readonly CancellationTokenSource _limit =
        CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

    private readonly ConcurrentStack<IAsyncDisposable> _owned = new();

    /// <summary>The engine's name in the report.</summary>
    protected abstract string Engine { get; }

    /// <summary>Why the engine cannot load on this machine; null when it can.</summary>
    protected abstract string? UnsupportedReason { get; }

    /// <summary>The transport that listens in this test.</summary>
    protected ITransport Server { get; private set; } = null!;

    /// <summary>The transport that connects in this test.</summary>
    protected ITransport Client { get; private set; } = null!;

    /// <summary>Bounds every wait of a test.</summary>
    protected CancellationToken Limit => _limit.Token;

    protected static TestCertificates Certificates => TestCertificates.Shared;

    public virtual ValueTask InitializeAsync()
    {
        if (UnsupportedReason is { } reason)
        {
            EngineReport.Skipped(Engine, reason);
            Assert.Skip($"{Engine} cannot load here: {reason}");
        }

        EngineReport.Exercised(Engine);
        _limit.CancelAfter(Debugger.IsAttached ? Timeout.InfiniteTimeSpan : TestLimit);
        Server = CreateTransport();
        Client = CreateTransport();
        return ValueTask.CompletedTask;
    }

    public virtual async ValueTask DisposeAsync()
    {
        while (_owned.TryPop(out var owned))
        {
            await owned.DisposeAsync().AsTask().WaitAsync(TestLimit);
        }

        _limit.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Makes a transport; called for the listening side first, then for the connecting side.</summary>
    protected abstract ITransport CreateTransport();

    /// <summary>Makes a path from <see cref="Client"/> to the listener that can be cut.</summary>
    protected virtual BreakablePath CreatePath(IPEndPoint target) => new ProxiedPath(target);

    protected T Own<T>(T disposable)
        where T : IAsyncDisposable
    {
        _owned.Push(disposable);
        return disposable;
    }

    protected async Task<ITransportListener> ListenAsync(Settings? settings = null) =>
        Own(await Server.ListenAsync((settings ?? new Settings()).ForListener(), Limit));

    protected async Task<ITransportConnection> ConnectAsync(EndPoint target, Settings? settings = null) =>
        Own(await Client.ConnectAsync((settings ?? new Settings()).ForConnect(target), Limit));

    protected async Task<ITransportConnection> AcceptAsync(ITransportListener listener) =>
        Own(await listener.AcceptAsync(Limit));

    /// <summary>A listener and one connection to it, both ends in hand.</summary>
    protected async Task<Pair> ConnectPairAsync(Settings? settings = null)
    {
        var listener = await ListenAsync(settings);
        return await ConnectPairAsync(listener, listener.LocalEndPoint, settings);
    }

    protected async Task<Pair> ConnectPairAsync(ITransportListener listener, EndPoint target, Settings? settings = null)
    {
        var accepting = AcceptAsync(listener);
        var client = await ConnectAsync(target, settings);
        return new Pair(listener, client, await accepting);
    }

    /// <summary>A stream opened by <paramref name="opener"/>, and what the other side accepted, one byte sent ahead.</summary>
    protected async Task<(ITransportStream Local, ITransportStream Remote)> OpenPairAsync(
        ITransportConnection opener,
        ITransportConnection acceptor,
        TransportStreamDirection direction = TransportStreamDirection.Bidirectional)
    {
        var local = await opener.OpenStreamAsync(direction, Limit);
        await local.WriteAsync(new byte[] { 0x5A }, endStream: false, Limit);
        var remote = await acceptor.AcceptStreamAsync(Limit);
        Assert.Equal([0x5A], await ReadExactlyAsync(remote, 1));
        return (local, remote);
    }

    protected async Task<byte[]> ReadExactlyAsync(ITransportStream stream, int count)
    {
        var bytes = new byte[count];
        for (var got = 0; got < count;)
        {
            var read = await stream.ReadAsync(bytes.AsMemory(got), Limit);
            Assert.True(read > 0, $"the stream ended after {got} of {count} bytes");
            got += read;
        }

        return bytes;
    }

    protected async Task<byte[]> ReadToEndAsync(ITransportStream stream)
    {
        using var all = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (await stream.ReadAsync(buffer, Limit) is var read and > 0)
        {
            all.Write(buffer, 0, read);
        }

        return all.ToArray();
    }

    protected async Task WriteAllAsync(ITransportStream stream, ReadOnlyMemory<byte> bytes, int chunk = 64 * 1024)
    {
        while (bytes.Length > chunk)
        {
            await stream.WriteAsync(bytes[..chunk], endStream: false, Limit);
            bytes = bytes[chunk..];
        }

        await stream.WriteAsync(bytes, endStream: true, Limit);
    }

    /// <summary>Fails unless <paramref name="action"/> throws a <see cref="TransportException"/> of one of these errors.</summary>
    protected Task<TransportException> ExpectAsync(TransportError error, Func<Task> action) => ExpectAsync([error], action);

    protected async Task<TransportException> ExpectAsync(TransportError[] errors, Func<Task> action)
    {
        var e = await Assert.ThrowsAsync<TransportException>(() => action().WaitAsync(Limit));
        Assert.True(errors.Contains(e.Error), $"expected {string.Join(" or ", errors)}, not {e.Error}: {e}");
        return e;
    }

    /// <summary>Writes until the peer's stop-sending, or whatever else ends the stream, makes it throw.</summary>
    protected async Task WriteUntilItFailsAsync(ITransportStream stream)
    {
        var chunk = new byte[1024];
        while (true)
        {
            await stream.WriteAsync(chunk, endStream: false, Limit);
            await Task.Yield();
        }
    }

    protected async Task WaitForAsync(Func<bool> condition, string what)
    {
        while (!condition())
        {
            Assert.False(Limit.IsCancellationRequested, $"waited in vain for: {what}");
            await Task.Delay(5, CancellationToken.None);
        }
    }

    /// <summary>Waits until <paramref name="counter"/> has stood still for a while.</summary>
    protected async Task<long> WaitForStandstillAsync(Func<long> counter)
    {
        var last = counter();
        var since = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(since) < TimeSpan.FromMilliseconds(300))
        {
            await Task.Delay(10, Limit);
            if (counter() != last)
            {
                last = counter();
                since = Stopwatch.GetTimestamp();
            }
        }

        return last;
    }

    /// <summary>A token of the test's own, cancelled once the awaited call has had time to become pending.</summary>
    protected static async Task ExpectCancelledAsync(Func<CancellationToken, Task> call)
    {
        using var before = new CancellationTokenSource();
        await before.CancelAsync();
        var early = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call(before.Token).WaitAsync(TestLimit));
        Assert.Equal(before.Token, early.CancellationToken);

        using var during = new CancellationTokenSource();
        var pending = call(during.Token);
        await Task.Delay(20, CancellationToken.None);
        Assert.False(pending.IsCompleted, "the call was meant to wait");
        await during.CancelAsync();
        var late = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pending.WaitAsync(TestLimit));
        Assert.Equal(during.Token, late.CancellationToken);
    }

    protected static byte[] RandomBytes(int count, int seed = 1)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    protected sealed record Pair(ITransportListener Listener, ITransportConnection Client, ITransportConnection Server);

    /// <summary>What a test varies; one set serves both sides.</summary>
    protected sealed record Settings
    {
        public IPEndPoint Bind { get; init; } = new(IPAddress.Loopback, 0);

        public IReadOnlyList<SslApplicationProtocol> ServerAlpns { get; init; } = [Alpn];

        public IReadOnlyList<SslApplicationProtocol> ClientAlpns { get; init; } = [Alpn];

        public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(30);

        public TimeSpan? ClientIdleTimeout { get; init; }

        public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(1);

        public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(20);

        public int MaxBidirectional { get; init; } = 1024;

        public int MaxUnidirectional { get; init; } = 64;

        public int StreamWindow { get; init; } = 1 << 20;

        public int ConnectionWindow { get; init; } = 16 << 20;

        public int Backlog { get; init; } = 512;

        public long StreamErrorCode { get; init; } = 0x77;

        public long CloseErrorCode { get; init; } = 0x99;

        public Func<string?, TlsIdentity?> ServerIdentity { get; init; } = _ => Certificates.Server;

        public ClientCertificateMode ClientCertificates { get; init; } = ClientCertificateMode.Requested;

        public PeerCertificateValidator? ValidateClient { get; init; } = Certificates.Trust;

        public Func<TlsIdentity?>? ClientIdentity { get; init; }

        public PeerCertificateValidator ValidateServer { get; init; } = Certificates.Trust;

        public string? TargetHost { get; init; }

        public TransportListenerOptions ForListener() => new()
        {
            EndPoint = Bind,
            ApplicationProtocols = ServerAlpns,
            IdleTimeout = IdleTimeout,
            KeepAliveInterval = KeepAlive,
            HandshakeTimeout = HandshakeTimeout,
            MaxInboundBidirectionalStreams = MaxBidirectional,
            MaxInboundUnidirectionalStreams = MaxUnidirectional,
            StreamReceiveWindow = StreamWindow,
            ConnectionReceiveWindow = ConnectionWindow,
            DefaultStreamErrorCode = StreamErrorCode,
            DefaultCloseErrorCode = CloseErrorCode,
            Backlog = Backlog,
            Tls = new TlsServerOptions
            {
                SelectIdentity = ServerIdentity,
                ClientCertificates = ClientCertificates,
                ValidateClient = ValidateClient,
            },
        };

        public TransportConnectOptions ForConnect(EndPoint target) => new()
        {
            EndPoint = target,
            ApplicationProtocols = ClientAlpns,
            IdleTimeout = ClientIdleTimeout ?? IdleTimeout,
            KeepAliveInterval = KeepAlive,
            HandshakeTimeout = HandshakeTimeout,
            MaxInboundBidirectionalStreams = MaxBidirectional,
            MaxInboundUnidirectionalStreams = MaxUnidirectional,
            StreamReceiveWindow = StreamWindow,
            ConnectionReceiveWindow = ConnectionWindow,
            DefaultStreamErrorCode = StreamErrorCode,
            DefaultCloseErrorCode = CloseErrorCode,
            Tls = new TlsClientOptions
            {
                TargetHost = TargetHost,
                SelectIdentity = ClientIdentity,
                ValidateServer = ValidateServer,
            },
        };
    }
}
