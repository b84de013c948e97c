using System.Net;
using RpcNet.Cluster.Tests.Registry;
using RpcNet.Transports;

namespace RpcNet.Cluster.Tests.Membership;

/// <summary>What must not happen but may: nobody may wait for ever because of it, and it must be told.</summary>
public class NodeDefectTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Loop_ThatFails_FailsWhoWaitsForIt()
    {
        var time = new BreakableClock();
        await using var node = Create(new FakeTransport(), time);
        await node.StartAsync(new IPEndPoint(IPAddress.Loopback, 7000), generation: 1, TestContext.Current.CancellationToken);
        var joining = node.JoinAsync([], TestContext.Current.CancellationToken).AsTask();
        time.IsBroken = true;

        var changing = node.SetTagAsync("a", "b", TestContext.Current.CancellationToken).AsTask();

        await Assert.ThrowsAsync<InvalidOperationException>(() => changing.WaitAsync(Limit, TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<InvalidOperationException>(() => node.Completion.WaitAsync(Limit, TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<InvalidOperationException>(() => joining.WaitAsync(Limit, TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => node.JoinAsync([], TestContext.Current.CancellationToken).AsTask());
    }

    [Fact]
    public async Task Message_WhoseReadingFails_FailsTheConnection()
    {
        await using var node = Create(new FakeTransport(), TimeProvider.System);
        await node.StartAsync(new IPEndPoint(IPAddress.Loopback, 7000), cancellationToken: TestContext.Current.CancellationToken);
        var connection = new FakeConnection(new IPEndPoint(IPAddress.Loopback, 7001));
        connection.Incoming.Enqueue(new FakeStream());

        var serving = node.HandleConnectionAsync(connection, TestContext.Current.CancellationToken);

        await Assert.ThrowsAsync<InvalidOperationException>(() => serving.WaitAsync(Limit, TestContext.Current.CancellationToken));
        Assert.True(connection.Closed.IsCompleted);
    }

    [Fact]
    public async Task Disposal_InWhichAConnectionFails_EndsTheSubscriptions()
    {
        var transport = new FakeTransport { Defect = new InvalidOperationException("a defect") };
        var node = Create(transport, TimeProvider.System);
        var reading = ReadAllAsync(node);
        await node.StartAsync(new IPEndPoint(IPAddress.Loopback, 7000), cancellationToken: TestContext.Current.CancellationToken);
        await transport.DialledAsync(0);

        await Assert.ThrowsAsync<InvalidOperationException>(() => node.DisposeAsync().AsTask());

        await reading.WaitAsync(Limit, TestContext.Current.CancellationToken);
    }

    private static ClusterNode Create(ITransport transport, TimeProvider time) => new(
        new ClusterOptions { NodeId = "a", Seeds = ["127.0.0.1:7001"] },
        transport,
        static peer => new TransportConnectOptions
        {
            EndPoint = peer,
            ApplicationProtocols = [ClusterProtocol.Alpn],
            Tls = new TlsClientOptions { ValidateServer = static _ => null },
        },
        time);

    private static async Task ReadAllAsync(ClusterNode node)
    {
        await foreach (var _ in node.SubscribeAsync())
        {
        }
    }

    private sealed class BreakableClock : TimeProvider
    {
        public volatile bool IsBroken;

        public override DateTimeOffset GetUtcNow() => IsBroken ? throw new InvalidOperationException("a defect") : base.GetUtcNow();
    }
}
