using System.Net;
using System.Net.Sockets;

namespace RpcNet.Cluster.Tests.Membership;

public class ClusterNodeTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Join_ThroughASeed_AllSeeAll()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("a", 7001);
        var b = await harness.StartAsync("b", 7002);
        var c = await harness.StartAsync("c", 7003);

        Assert.True(await harness.RunUntilAsync(() => Sees(3, a, b, c), Limit));

        Assert.Equal(["a", "b", "c"], b.Cluster.Members.Select(m => m.Id.Value));
        Assert.True(b.Cluster.Find(new NodeId("b"))!.IsLocal);
        Assert.Equal(7003, b.Cluster.Find(new NodeId("c"))!.Address.Port);
        Assert.IsType<ClusterSnapshot>(a.Events[0]);
        Assert.Equal(["b", "c"], a.EventsOf<NodeJoined>().Select(e => e.Member.Id.Value).Order());
    }

    [Fact]
    public async Task Join_SeedStartsLater_JoinsByItself()
    {
        await using var harness = new ClusterHarness();
        var b = await harness.StartAsync("b", 7002);
        await harness.RunAsync(TimeSpan.FromSeconds(6));
        Assert.Single(b.Cluster.Members);

        var joining = b.Cluster.JoinAsync([]).AsTask();
        Assert.False(joining.IsCompleted);
        var a = await harness.StartAsync("a", 7001);

        await harness.RunUntilAsync(joining, Limit);
        Assert.True(await harness.RunUntilAsync(() => Sees(2, a, b), Limit));
    }

    [Fact]
    public async Task Kill_InAClusterOfThree_ReportedOnceByBothWithinEightSeconds()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("a", 7001);
        var b = await harness.StartAsync("b", 7002);
        var c = await harness.StartAsync("c", 7003);
        Assert.True(await harness.RunUntilAsync(() => Sees(3, a, b, c), Limit));
        await harness.RunAsync(TimeSpan.FromSeconds(10));

        await c.KillAsync();

        Assert.True(await harness.RunUntilAsync(() => Sees(2, a, b), TimeSpan.FromSeconds(8)));
        await harness.RunAsync(TimeSpan.FromSeconds(10));
        Assert.Equal("c", Assert.Single(a.EventsOf<NodeFailed>()).Member.Id.Value);
        Assert.Equal("c", Assert.Single(b.EventsOf<NodeFailed>()).Member.Id.Value);
    }

    [Fact]
    public async Task Restart_AtTheSameAddress_OldLifeEndsBeforeTheNewOneJoins()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("a", 7001);
        var b = await harness.StartAsync("b", 7002);
        Assert.True(await harness.RunUntilAsync(() => Sees(2, a, b), Limit));
        await b.KillAsync();
        await harness.RunAsync(TimeSpan.FromMilliseconds(100));

        var again = await harness.StartAsync("b", 7002);

        Assert.True(await harness.RunUntilAsync(
            () => a.Cluster.Find(new NodeId("b")) is { } m && m.Generation == again.Cluster.Local.Generation,
            TimeSpan.FromSeconds(3)));
        await harness.RunAsync(TimeSpan.FromSeconds(10));
        var story = a.EventsOf<MemberEvent>()
            .Where(e => e is NodeJoined or NodeFailed or NodeLeft)
            .Select(e => (e.GetType().Name, e.Member.Generation))
            .ToArray();
        Assert.Equal(
            [(nameof(NodeJoined), b.Cluster.Local.Generation), (nameof(NodeFailed), b.Cluster.Local.Generation), (nameof(NodeJoined), again.Cluster.Local.Generation)],
            story);
    }

    [Fact]
    public async Task Leave_TellsTheOthers_NodeLeftAndNotFailed()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("a", 7001);
        var b = await harness.StartAsync("b", 7002);
        Assert.True(await harness.RunUntilAsync(() => Sees(2, a, b), Limit));

        await harness.RunUntilAsync(b.Cluster.LeaveAsync().AsTask(), TimeSpan.FromSeconds(4));
        await b.DisposeAsync();

        Assert.True(await harness.RunUntilAsync(() => Sees(1, a), TimeSpan.FromSeconds(1)));
        await harness.RunAsync(TimeSpan.FromSeconds(10));
        Assert.Single(a.EventsOf<NodeLeft>());
        Assert.Empty(a.EventsOf<NodeFailed>());
    }

    [Fact]
    public async Task Seed_ByName_IsResolvedAgainEachTimeUntilItAnswers()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("a", 7001);
        var answers = new Queue<string?>([null, "127.0.0.9", "127.0.0.1"]);
        var asked = new List<string>();
        var b = await harness.StartAsync("b", 7002, ["seed.test:7001"], resolve: (name, _) =>
        {
            asked.Add(name);
            var answer = answers.Count > 1 ? answers.Dequeue() : answers.Peek();
            return answer is null
                ? Task.FromException<IPAddress[]>(new SocketException((int)SocketError.HostNotFound))
                : Task.FromResult<IPAddress[]>([IPAddress.Parse(answer)]);
        });

        Assert.True(await harness.RunUntilAsync(() => Sees(2, a, b), Limit));

        Assert.Single(answers);
        Assert.All(asked, n => Assert.Equal("seed.test", n));
    }

    [Fact]
    public async Task Seed_WhoseNameHasNoAddress_IsStillWaitedFor()
    {
        await using var harness = new ClusterHarness();
        var b = await harness.StartAsync("b", 7002, ["seed.test:7001"], resolve: static (_, _) =>
            Task.FromException<IPAddress[]>(new SocketException((int)SocketError.HostNotFound)));
        var joining = b.Cluster.JoinAsync([]).AsTask();

        await harness.RunAsync(TimeSpan.FromSeconds(3));

        Assert.False(joining.IsCompleted);
        await b.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => joining);
    }

    [Fact]
    public async Task Seed_WhoseLookupFailsForAnotherReason_IsTriedAgain()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("a", 7001);
        var failures = 3;
        var b = await harness.StartAsync("b", 7002, ["seed.test:7001"], resolve: (_, _) => failures-- > 0
            ? throw new InvalidOperationException("a resolver of the host's own")
            : Task.FromResult<IPAddress[]>([IPAddress.Loopback]));

        await harness.RunAsync(TimeSpan.FromMilliseconds(100));
        await b.DisposeAsync();

        Assert.Equal(2, failures);
        var c = await harness.StartAsync("c", 7003, ["seed.test:7001"], resolve: (_, _) => failures-- > 0
            ? throw new InvalidOperationException("a resolver of the host's own")
            : Task.FromResult<IPAddress[]>([IPAddress.Loopback]));
        Assert.True(await harness.RunUntilAsync(() => Sees(2, a, c), Limit));
    }

    [Fact]
    public async Task Seed_BesideOneWhoseLookupHangs_IsAskedAtOnceAndAgain()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("a", 7001, []);
        var b = await harness.StartAsync("b", 7002, ["hangs.test:1", ClusterHarness.AddressOf(7001), ClusterHarness.AddressOf(7003)], resolve: static async (_, token) =>
        {
            await Task.Delay(Timeout.Infinite, token);
            return [];
        });
        Assert.True(await harness.RunUntilAsync(() => Sees(2, a, b), TimeSpan.FromSeconds(5)));

        var c = await harness.StartAsync("c", 7003, []);

        Assert.True(await harness.RunUntilAsync(() => Sees(3, a, b, c), Limit));
    }

    [Fact]
    public async Task Seed_ThatMoved_IsFoundByNameAfterAllDied()
    {
        await using var harness = new ClusterHarness();
        var port = 7001;
        var b = await harness.StartAsync("b", 7002, [], resolve: null);
        var c = await harness.StartAsync("c", 7003, ["seed.test:7001", "one-that-is-wrong.test:1"], resolve: (name, _) =>
            name == "seed.test"
                ? Task.FromResult<IPAddress[]>([IPAddress.Parse(port == 7001 ? "127.0.0.1" : "127.0.0.2")])
                : Task.FromException<IPAddress[]>(new ArgumentException("too long")));
        var a = await harness.StartAsync("a", 7001, []);
        Assert.True(await harness.RunUntilAsync(() => Sees(2, a, c), Limit));
        await a.KillAsync();
        Assert.True(await harness.RunUntilAsync(() => Sees(1, c), Limit));

        port = 7002;
        var moved = await harness.StartAsync("d", 7001, [], host: IPAddress.Parse("127.0.0.2"));

        Assert.True(await harness.RunUntilAsync(() => Sees(2, moved, c), Limit));
        Assert.True(Sees(1, b));
    }

    [Fact]
    public async Task Answers_GoBackOverTheConnectionOfTheAsker()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("a", 7001);
        var b = await harness.StartAsync("b", 7002);
        Assert.True(await harness.RunUntilAsync(() => Sees(2, a, b), Limit));
        await harness.RunAsync(TimeSpan.FromSeconds(20));

        Assert.Equal((0, 1), (a.Dials, b.Dials));
        Assert.True(a.Cluster.SentMessages > 40);
    }

    [Fact]
    public async Task Dials_OfBothAtOnce_EndInOneConnection()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("a", 7001, [ClusterHarness.AddressOf(7002)]);
        var b = await harness.StartAsync("b", 7002, [ClusterHarness.AddressOf(7001)]);
        Assert.True(await harness.RunUntilAsync(() => Sees(2, a, b), Limit));

        // Five seconds later whoever has none but the other's connection stays with it.
        await harness.RunAsync(TimeSpan.FromSeconds(5));
        Assert.Equal(1, a.OpenConnections + b.OpenConnections);
        var (fromA, fromB) = (a.Dials, b.Dials);
        await harness.RunAsync(TimeSpan.FromSeconds(20));

        Assert.Equal((fromA, fromB), (a.Dials, b.Dials));
    }

    [Fact]
    public async Task Connection_WhoseOptionsCannotBeMade_IsTriedAgain()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("a", 7001);
        var b = await harness.StartAsync("b", 7002, failures: 3);

        Assert.True(await harness.RunUntilAsync(() => Sees(2, a, b), Limit));
    }

    [Fact]
    public async Task SetTag_IsSeenByTheOthers_AndReportedWithThePreviousTags()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("a", 7001);
        var b = await harness.StartAsync("b", 7002, configure: o => o.Tags["role"] = "worker");
        Assert.True(await harness.RunUntilAsync(() => Sees(2, a, b), Limit));
        Assert.Single(a.Cluster.MembersWithTags(KeyValuePair.Create("role", "worker")));

        await b.Cluster.SetTagAsync("role", "director");

        Assert.True(await harness.RunUntilAsync(() => a.Cluster.MembersWithTags(m => m.HasTag("role", "director")).Length == 1, Limit));
        var changed = Assert.Single(a.EventsOf<TagsChanged>());
        Assert.Equal("worker", changed.PreviousTags["role"]);
        Assert.Equal("director", b.Cluster.Local.GetTag("role"));
    }

    [Fact]
    public async Task SetTag_TooLarge_SaysHowMuch()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("a", 7001);

        var error = await Assert.ThrowsAsync<ArgumentException>(() => a.Cluster.SetTagAsync("x", new string('y', 600)).AsTask());

        Assert.Contains("RpcNet:Cluster:MaxTagBytes = 512", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Join_OfAnotherClusterName_IsRefused()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("a", 7001);
        var b = await harness.StartAsync("b", 7002, configure: o => o.ClusterName = "other");

        await harness.RunAsync(TimeSpan.FromSeconds(5));

        Assert.Single(a.Cluster.Members);
        Assert.Single(b.Cluster.Members);
    }

    [Fact]
    public async Task SameNodeId_AtTwoAddresses_BothReportIt()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("a", 7001);
        var first = await harness.StartAsync("b", 7002);
        Assert.True(await harness.RunUntilAsync(() => Sees(2, a, first), Limit));

        var second = await harness.StartAsync("b", 7003);

        Assert.True(await harness.RunUntilAsync(
            () => first.EventsOf<NodeIdConflict>().Any() && second.EventsOf<NodeIdConflict>().Any(),
            TimeSpan.FromSeconds(10)));
        Assert.False(first.EventsOf<NodeIdConflict>().First().LocalWins);
        Assert.True(second.EventsOf<NodeIdConflict>().First().LocalWins);
        await harness.RunAsync(TimeSpan.FromSeconds(5));
        Assert.Equal(7003, a.Cluster.Find(new NodeId("b"))!.Address.Port);
    }

    [Fact]
    public async Task WaitFor_ConditionComesTrue_ReturnsThatView()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("a", 7001);
        var waiting = a.Cluster.WaitForAsync(m => m.Length == 2).AsTask();
        await harness.RunAsync(TimeSpan.FromSeconds(1));
        Assert.False(waiting.IsCompleted);

        await harness.StartAsync("b", 7002);

        await harness.RunUntilAsync(waiting, Limit);
        Assert.Equal(2, (await waiting).Length);
    }

    [Fact]
    public async Task Phi_OfAMonitoredMember_IsLowWhileItLivesAndHighWhenItIsGone()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("a", 7001);
        var b = await harness.StartAsync("b", 7002, configure: o => o.ProbeInterval = TimeSpan.FromSeconds(60));
        Assert.True(await harness.RunUntilAsync(() => Sees(2, a, b), Limit));
        await harness.RunAsync(TimeSpan.FromSeconds(5));

        Assert.InRange(a.Cluster.GetPhi(new NodeId("b"))!.Value, 0, 0.5);
        Assert.Null(a.Cluster.GetPhi(new NodeId("a")));
    }

    private static bool Sees(int count, params HarnessNode[] nodes) => nodes.All(n => n.Cluster.Members.Length == count);
}
