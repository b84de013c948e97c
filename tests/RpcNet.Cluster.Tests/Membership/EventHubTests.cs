using System.Collections.Immutable;
using System.Net;
using RpcNet.Cluster.Membership;

namespace RpcNet.Cluster.Tests.Membership;

public class EventHubTests
{
    private readonly EventHub _hub = new(bufferSize: 16, TimeProvider.System);

    [Fact]
    public async Task Subscribe_SnapshotFirst_ThenEventsInOrder()
    {
        _hub.Publish([Member("a")], []);
        await using var events = _hub.SubscribeAsync(CancellationToken.None).GetAsyncEnumerator();
        Assert.Equal(["a"], ((ClusterSnapshot)await Next(events)).Members.Select(m => m.Id.Value));

        _hub.Publish([Member("a"), Member("b")], [Joined("b")]);
        _hub.Publish(null, [Joined("c")]);

        Assert.Equal("b", ((NodeJoined)await Next(events)).Member.Id.Value);
        Assert.Equal("c", ((NodeJoined)await Next(events)).Member.Id.Value);
    }

    [Fact]
    public async Task Subscribe_ReaderTooSlow_IsToldHowMuchItMissedAndGetsANewSnapshot()
    {
        await using var events = _hub.SubscribeAsync(CancellationToken.None).GetAsyncEnumerator();
        Assert.IsType<ClusterSnapshot>(await Next(events));
        for (var i = 0; i < 20; i++)
        {
            _hub.Publish([Member($"n{i}")], [Joined($"n{i}")]);
        }

        for (var i = 0; i < 16; i++)
        {
            Assert.Equal($"n{i}", ((NodeJoined)await Next(events)).Member.Id.Value);
        }

        Assert.Equal(4, ((EventsDropped)await Next(events)).Count);
        Assert.Equal("n19", Assert.Single(((ClusterSnapshot)await Next(events)).Members).Id.Value);
        _hub.Publish(null, [Joined("later")]);
        Assert.Equal("later", ((NodeJoined)await Next(events)).Member.Id.Value);
    }

    [Fact]
    public async Task Close_EndsSubscriptionsAndWaits()
    {
        await using var events = _hub.SubscribeAsync(CancellationToken.None).GetAsyncEnumerator();
        await Next(events);
        var next = events.MoveNextAsync().AsTask();
        var waiting = _hub.WaitForAsync(m => m.Length > 5, CancellationToken.None).AsTask();

        _hub.Close();

        Assert.False(await next);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
    }

    [Fact]
    public async Task WaitFor_Cancelled_ThrowsWithTheCallersToken()
    {
        using var cancellation = new CancellationTokenSource();
        var waiting = _hub.WaitForAsync(m => m.Length > 5, cancellation.Token).AsTask();

        await cancellation.CancelAsync();

        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.Equal(cancellation.Token, error.CancellationToken);
    }

    private static async Task<ClusterEvent> Next(IAsyncEnumerator<ClusterEvent> events)
    {
        Assert.True(await events.MoveNextAsync());
        return events.Current;
    }

    private static ClusterMember Member(string id) => new()
    {
        Id = new NodeId(id),
        Generation = 1,
        Incarnation = 1,
        Address = new IPEndPoint(IPAddress.Loopback, 1),
    };

    private static NodeJoined Joined(string id) => new(DateTimeOffset.UnixEpoch, Member(id));
}
