using RpcNet.Cluster.Swim;
using static RpcNet.Cluster.Tests.Swim.MachineHarness;

namespace RpcNet.Cluster.Tests.Swim;

public class GossipQueueTests
{
    private readonly GossipQueue _queue = new();

    [Fact]
    public void Take_SentTheFewestTimes_GoesFirst()
    {
        var (a, b) = (MemberUpdate.Alive(Peer("a", 1)), MemberUpdate.Alive(Peer("b", 2)));
        _queue.Add(a);
        Assert.Equal([a], Take(1000));
        _queue.Add(b);

        Assert.Equal([b, a], Take(1000));
    }

    [Fact]
    public void Take_LifeAndDeath_GoesBeforeDescriptions()
    {
        var death = MemberUpdate.Accuse(MemberState.Failed, Peer("a", 1).Identity, 1, new NodeId("x"));
        var alive = MemberUpdate.Alive(Peer("b", 2));
        _queue.Add(death);
        _queue.Add(alive);

        Assert.Equal([death, alive], Take(1000));
    }

    [Fact]
    public void Add_NewsOfTheSameMember_ReplacesTheOlder()
    {
        var newer = MemberUpdate.Alive(Peer("a", 1, incarnation: 2));
        _queue.Add(MemberUpdate.Alive(Peer("a", 1)));
        _queue.Add(newer);

        Assert.Equal(1, _queue.Count);
        Assert.Equal([newer], Take(1000));
    }

    [Fact]
    public void Take_UntilTheLimit_ThenForgets()
    {
        _queue.Add(MemberUpdate.Alive(Peer("a", 1)));

        for (var i = 0; i < 3; i++)
        {
            Assert.Single(Take(1000, limit: 3));
        }

        Assert.Equal(0, _queue.Count);
        Assert.Empty(Take(1000, limit: 3));
    }

    [Fact]
    public void Take_MoreThanFits_LeavesTheRestForTheNextMessage()
    {
        var updates = Enumerable.Range(0, 20).Select(i => MemberUpdate.Alive(Peer($"node-{i}", i))).ToArray();
        foreach (var update in updates)
        {
            _queue.Add(update);
        }

        var first = Take(10 * updates[19].WireSize);
        var second = Take(10_000);

        Assert.Equal(10, first.Count);
        Assert.True(first.Sum(u => u.WireSize) <= 10 * updates[19].WireSize);
        Assert.Equal(updates.Except(first).Reverse(), second.Take(10));
    }

    private List<MemberUpdate> Take(int bytes, int limit = 10)
    {
        var taken = new List<MemberUpdate>();
        _queue.Take(bytes, limit, taken);
        return taken;
    }
}
