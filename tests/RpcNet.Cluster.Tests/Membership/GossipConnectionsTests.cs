using System.Net;
using Microsoft.Extensions.Time.Testing;
using RpcNet.Cluster.Membership;
using RpcNet.Cluster.Tests.Client;
using RpcNet.Cluster.Tests.Registry;
using RpcNet.Transports;

namespace RpcNet.Cluster.Tests.Membership;

public class GossipConnectionsTests
{
    private static readonly IPEndPoint Local = Address(5);
    private static readonly byte[] Message = [1];

    private readonly FakeTransport _transport = new();
    private readonly FakeTimeProvider _time = new();
    private readonly List<IPEndPoint> _losses = [];
    private readonly LogRecorder _log = new();

    [Fact]
    public async Task Connection_LentToAnotherAddress_IsGivenUpWhenItEnds()
    {
        // A seed that is dialled at one address and says that it takes answers at another.
        var connections = Create(static (connection, _) => connection.Closed);
        var (dialled, advertised) = (Address(1), Address(2));
        connections.Send(dialled, Message);
        var first = await _transport.DialledAsync(0);
        connections.Heard(first, dialled, advertised, Local);
        connections.Send(advertised, Message);
        await Eventually.HoldsAsync(() => first.Opened == 2);

        first.End(TransportError.ConnectionAborted);
        await Eventually.HoldsAsync(() => Losses().Contains(advertised));
        connections.Send(advertised, Message);

        var second = await _transport.DialledAsync(1);
        Assert.Equal(advertised, second.RemoteEndPoint);
        await Eventually.HoldsAsync(() => second.Opened == 1);
        Assert.Equal(0, connections.Dropped);
        await connections.CloseAsync();
    }

    [Fact]
    public async Task Connection_ThatIsAboutToBeClosed_IsNotTakenForThePeersOwn()
    {
        var connections = Create(static (connection, _) => connection.Closed);
        var peer = Address(1);
        connections.Send(peer, Message);
        var own = await _transport.DialledAsync(0);
        await Eventually.HoldsAsync(() => own.Opened == 1);
        var theirs = new FakeConnection(peer);
        connections.Heard(theirs, peer, peer, Local);

        // An answer to what was sent before.
        connections.Heard(own, peer, peer, Local);
        connections.Send(peer, Message);

        await Eventually.HoldsAsync(() => theirs.Opened + own.Opened == 2);
        Assert.Equal(1, theirs.Opened);
        await connections.CloseAsync();
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(9, 2, 0)]
    public async Task Connections_OfBothAtOnce_TheOneOfTheLowerAddressIsUsed(int host, int overOwn, int overTheirs)
    {
        var connections = Create(static (connection, _) => connection.Closed);
        var peer = Address(host);
        connections.Send(peer, Message);
        var own = await _transport.DialledAsync(0);
        await Eventually.HoldsAsync(() => own.Opened == 1);
        var theirs = new FakeConnection(peer);

        connections.Heard(theirs, peer, peer, Local);
        connections.Send(peer, Message);

        await Eventually.HoldsAsync(() => own.Opened + theirs.Opened == 2);
        Assert.Equal((overOwn, overTheirs), (own.Opened, theirs.Opened));
        await connections.CloseAsync();
    }

    [Fact]
    public async Task Connection_OpenedByAPeerLongAfterOurs_IsUsed()
    {
        // Whoever knows our connection does not open another: a new process at the address of one that ended without a word does.
        var connections = Create(static (connection, _) => connection.Closed);
        var peer = Address(9);
        connections.Send(peer, Message);
        var own = await _transport.DialledAsync(0);
        await Eventually.HoldsAsync(() => own.Opened == 1);
        _time.Advance(TimeSpan.FromSeconds(3));
        var theirs = new FakeConnection(peer);

        connections.Heard(theirs, peer, peer, Local);
        connections.Send(peer, Message);

        await Eventually.HoldsAsync(() => own.Opened + theirs.Opened == 2);
        Assert.Equal(1, theirs.Opened);
        await connections.CloseAsync();
    }

    [Fact]
    public async Task Reading_ThatFails_IsToldAndTheConnectionIsReplaced()
    {
        var reads = 0;
        var connections = Create((connection, _) =>
            Interlocked.Increment(ref reads) == 1 ? Task.FromException(new InvalidOperationException("a defect")) : connection.Closed);
        connections.Send(Address(1), Message);
        var first = await _transport.DialledAsync(0);
        await Eventually.HoldsAsync(() => first.Closed.IsCompleted);

        await Eventually.HoldsAsync(() =>
        {
            _time.Advance(TimeSpan.FromMilliseconds(1));
            connections.Send(Address(1), Message);
            return _transport.Count == 2;
        });

        Assert.Contains(_log.Lines, l => l.Id == 3024);
        await connections.CloseAsync();
    }

    [Fact]
    public async Task Connection_OverWhichManySendersSpeak_IsLentToTheLastAlone()
    {
        var connections = Create(static (connection, _) => connection.Closed);
        var connection = new FakeConnection(Address(1));

        for (var port = 1; port <= 5000; port++)
        {
            connections.Heard(connection, Address(1), new IPEndPoint(IPAddress.Loopback, port), Local);
        }

        Assert.Equal(1, connections.Count);
        await connections.CloseAsync();
    }

    private static IPEndPoint Address(int host) => new(new IPAddress([10, 0, 0, (byte)host]), 7000);

    private IPEndPoint[] Losses()
    {
        lock (_losses)
        {
            return [.. _losses];
        }
    }

    private GossipConnections Create(Func<ITransportConnection, CancellationToken, Task> read) => new(
        _transport,
        static peer => new TransportConnectOptions { EndPoint = peer, ApplicationProtocols = [ClusterProtocol.Alpn], Tls = new TlsClientOptions { ValidateServer = static _ => null } },
        new ClusterConnectionOptions(),
        _time,
        _log,
        Task.Run,
        read,
        address =>
        {
            lock (_losses)
            {
                _losses.Add(address);
            }
        });
}
