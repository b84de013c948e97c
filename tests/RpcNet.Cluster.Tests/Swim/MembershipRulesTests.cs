using RpcNet.Cluster.Swim;
using static RpcNet.Cluster.Tests.Swim.MachineHarness;

namespace RpcNet.Cluster.Tests.Swim;

public class MembershipRulesTests
{
    private static readonly MemberRecord A = Peer("a", 2);
    private static readonly MemberRecord B = Peer("b", 3);

    [Fact]
    public void Restart_OldLifeFailsBeforeTheNewOneJoins()
    {
        var h = new MachineHarness().Start(A, B);

        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Alive(Peer("a", 2, generation: 2)));

        Assert.Equal(
            [(SwimEventKind.Failed, 1ul), (SwimEventKind.Joined, 2ul)],
            h.Events.Where(e => e.Record?.Id == A.Id).Select(e => (e.Kind, e.Record!.Generation)));
    }

    [Fact]
    public void OldGeneration_IsIgnored()
    {
        var h = new MachineHarness().Start(Peer("a", 2, generation: 5));

        h.Receive(B, MessageKind.Gossip, updates: [MemberUpdate.Alive(A), MemberUpdate.Left(A.Identity, 9)]);

        Assert.Equal((5ul, MemberState.Alive), (h.Entry("a").Generation, h.Entry("a").State));
    }

    [Fact]
    public void Left_IsFinalForItsGeneration()
    {
        var h = new MachineHarness().Start(A, B);
        h.Receive(A, MessageKind.Gossip, updates: MemberUpdate.Left(A.Identity, 1));

        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Alive(Peer("a", 2, incarnation: 50)));
        Assert.Equal(MemberState.Left, h.Entry("a").State);
        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Alive(Peer("a", 2, generation: 2)));

        Assert.Equal(MemberState.Alive, h.Entry("a").State);
        Assert.Equal([SwimEventKind.Left, SwimEventKind.Joined], h.Events.Where(e => e.Record?.Id == A.Id).Select(e => e.Kind));
    }

    [Fact]
    public void DeadMember_NeverSeenAlive_IsRememberedAgainstLateNews()
    {
        var h = new MachineHarness().Start(B);

        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Failed, A.Identity, 3, B.Id));
        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Alive(Peer("a", 2, incarnation: 3)));

        Assert.Equal(MemberState.Failed, h.Entry("a").State);
        Assert.Equal(0, h.CountOf(SwimEventKind.Joined));
    }

    [Fact]
    public void DeadMembers_BeyondTheLimit_OldestAreForgotten()
    {
        var h = new MachineHarness(o => o.MaxDeadMembers = 16).Start(B);
        for (var i = 0; i < 40; i++)
        {
            h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Left(new NodeIdentity(new NodeId($"x{i}"), 1), 1));
            h.Run(TimeSpan.FromMilliseconds(10));
        }

        h.Run(TimeSpan.FromSeconds(2));

        Assert.Equal(16, h.Machine.Table.Dead.Count(e => e.Id.Value[0] == 'x'));
        Assert.True(h.Machine.Table.TryGet(new NodeId("x39"), out _));
        Assert.False(h.Machine.Table.TryGet(new NodeId("x0"), out _));
    }

    [Fact]
    public void DeadMembers_BeyondTheRetention_AreForgotten()
    {
        var h = new MachineHarness(o => o.DeadMemberRetention = TimeSpan.FromMinutes(1)).Start(B);
        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Left(A.Identity, 1));

        h.Run(TimeSpan.FromSeconds(58));
        Assert.True(h.Machine.Table.TryGet(A.Id, out _));
        h.Run(TimeSpan.FromSeconds(5));

        Assert.False(h.Machine.Table.TryGet(A.Id, out _));
    }

    [Fact]
    public void Members_BeyondTheLimit_AreIgnoredAndCounted()
    {
        var h = new MachineHarness(o => o.MaxMembers = 3).Start(A, B);

        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Alive(Peer("c", 4)));

        Assert.Equal(3, h.Machine.LiveCount);
        Assert.Equal(1, h.Machine.Statistics.MembersIgnored);
    }

    [Fact]
    public void Tags_ArePublishedUnderANewIncarnation()
    {
        var h = new MachineHarness().Start(A, B);
        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Alive(Peer("a", 2, 1, 2, ("role", "worker"))));

        Assert.Equal(1, h.CountOf(SwimEventKind.TagsChanged));
        Assert.Equal("worker", h.Entry("a").Record!.Tags["role"]);
    }

    [Fact]
    public void Tags_OfAnIncarnationFirstHeardOfThroughAnAccusation_ArriveLater()
    {
        var h = new MachineHarness().Start(A, B);
        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Suspect, A.Identity, 2, B.Id));

        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Alive(Peer("a", 2, 1, 2, ("role", "worker"))));

        Assert.Equal(MemberState.Suspect, h.Entry("a").State);
        Assert.Equal("worker", h.Entry("a").Record!.Tags["role"]);
    }

    [Fact]
    public void Seeds_Silent_AreResolvedAgainForEver()
    {
        var h = new MachineHarness().Start();

        h.Run(TimeSpan.FromHours(1));

        var pauses = h.SeedRequests.Zip(h.SeedRequests.Skip(1), static (a, b) => b - a).ToArray();
        Assert.InRange(pauses[0], TimeSpan.FromMilliseconds(200), TimeSpan.FromMilliseconds(300));
        Assert.InRange(h.SeedRequests.Count, 3600 / 6, 3600 / 4);
        Assert.All(pauses, static p => Assert.InRange(p, TimeSpan.Zero, TimeSpan.FromSeconds(5.5)));
    }

    [Fact]
    public void Join_OfAnotherCluster_IsRejectedWithBothNames()
    {
        var h = new MachineHarness().Start();

        h.Receive(A, MessageKind.Join, text: "other", cluster: "other", updates: MemberUpdate.Alive(A));

        Assert.Contains("'rpcnet', not 'other'", h.LastSent(MessageKind.Reject).Text, StringComparison.Ordinal);
        Assert.Equal(1, h.Machine.LiveCount);
    }

    [Fact]
    public void Join_OfAnotherProtocolVersion_IsRejected()
    {
        var h = new MachineHarness().Start();
        var stranger = new MemberRecord(A.Id, 1, 1, A.Address, A.Tags, minVersion: 7, maxVersion: 9);

        h.Receive(stranger, MessageKind.Join, text: "rpcnet", updates: MemberUpdate.Alive(stranger));

        Assert.Contains("7 to 9", h.LastSent(MessageKind.Reject).Text, StringComparison.Ordinal);
        Assert.Equal(1, h.Machine.LiveCount);
    }

    [Fact]
    public void Join_IsAnsweredWithTheTable()
    {
        var h = new MachineHarness().Start(A);

        h.Receive(B, MessageKind.Join, text: "rpcnet", updates: MemberUpdate.Alive(B));

        Assert.Equal(["a", "b", "local"], h.LastSent(MessageKind.JoinReply).Updates.Select(u => u.Subject.Id.Value).Order());
        Assert.Equal(1, h.CountOf(SwimEventKind.Joined));
    }

    /// <summary>When many start at once, some hear of others before a seed answers them.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void JoinReply_ToANodeThatOthersFoundBeforeOrNot_IsFollowedByEarlyComparisons(bool found)
    {
        var h = new MachineHarness(o => o.PushPullInterval = TimeSpan.FromHours(1));
        h = found ? h.Start(A) : h.Start();

        h.Receive(B, MessageKind.JoinReply, updates: [MemberUpdate.Alive(A), MemberUpdate.Alive(B)]);
        h.Run(TimeSpan.FromSeconds(3));

        // After 1 and 2 s.
        Assert.Equal(2, h.SentOf(MessageKind.SyncDigest).Count());
    }

    [Fact]
    public void Rows_AMemberHeldForDeadByThePeer_IsAskedAndNotBuried()
    {
        var h = new MachineHarness().Start(A, B);
        h.Sent.Clear();

        h.Receive(B, MessageKind.SyncRows, updates: MemberUpdate.Row(MemberState.Failed, A.Identity, 1, B.Id, record: null));

        Assert.Equal(MemberState.Alive, h.Entry("a").State);
        Assert.Contains(h.Sent, s => s.To.Equals(A.Address) && s.Message.Updates.Any(u => u.State == MemberState.Failed));
        Assert.Equal(A.Identity, h.LastSent(MessageKind.Ping).Target);
    }

    [Fact]
    public void Digest_OfAnEqualTable_IsNotAnswered()
    {
        var h = new MachineHarness(o => o.PushPullInterval = TimeSpan.FromSeconds(1)).Start(A);
        Assert.True(h.RunUntil(() => h.SentOf(MessageKind.SyncDigest).Any()));
        var own = h.LastSent(MessageKind.SyncDigest);
        h.Sent.Clear();

        h.Machine.Receive(h.Now, new SwimMessage { Kind = MessageKind.SyncDigest, Cluster = own.Cluster, From = A.Identity, ReplyTo = A.Address, Hashes = own.Hashes });
        Assert.Empty(h.Sent);
        h.Machine.Receive(h.Now, new SwimMessage { Kind = MessageKind.SyncDigest, Cluster = own.Cluster, From = A.Identity, ReplyTo = A.Address, Hashes = [own.Hashes[0] ^ 1] });

        Assert.Equal(MessageKind.SyncBuckets, Assert.Single(h.Sent).Message.Kind);
    }

    [Fact]
    public void OwnLaterLife_AtTheSameAddress_IsSteppedAbove()
    {
        var h = new MachineHarness(generation: 100).Start(A);

        h.Receive(A, MessageKind.Gossip, updates: MemberUpdate.Alive(Peer("local", 1, generation: 500)));

        Assert.Equal(501ul, h.Machine.Local.Generation);
    }

    [Fact]
    public void OwnLaterLife_Dead_IsSteppedAbove()
    {
        var h = new MachineHarness(generation: 100).Start(A);

        h.Receive(A, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Failed, new NodeIdentity(new NodeId("local"), 500), 1, A.Id));

        Assert.Equal(501ul, h.Machine.Local.Generation);
    }

    [Fact]
    public void OwnLaterLife_ElsewhereAndSilent_IsSteppedAboveAfterThreeQuestions()
    {
        var h = new MachineHarness(generation: 100).Start(A);
        var rival = Peer("local", 7, generation: 500);

        h.Receive(A, MessageKind.Gossip, updates: MemberUpdate.Alive(rival));
        Assert.True(h.RunUntil(() => h.Machine.Local.Generation == 501));

        Assert.Equal(3, h.SentOf(MessageKind.Ping).Count(s => s.Message.Target == rival.Identity));
        Assert.Equal(0, h.CountOf(SwimEventKind.Conflict));
    }

    [Fact]
    public void OwnLaterLife_ElsewhereAndAnswering_IsAConflictThatSilencesThisNode()
    {
        var h = new MachineHarness(generation: 100).Start(A);
        var rival = Peer("local", 7, generation: 500);
        h.Receive(A, MessageKind.Gossip, updates: MemberUpdate.Alive(rival));
        var question = h.SentOf(MessageKind.Ping).Last(s => s.Message.Target == rival.Identity).Message;

        h.Receive(rival, MessageKind.Ack, question.Sequence, rival.Identity);
        h.Sent.Clear();
        h.Run(TimeSpan.FromSeconds(5));

        Assert.True(h.Machine.IsConflicted);
        Assert.Equal(1, h.CountOf(SwimEventKind.Conflict));
        Assert.DoesNotContain(h.SentOf(MessageKind.Ping), s => s.Message.Target == A.Identity);
    }

    [Fact]
    public void News_WhenItHasBeenPassedOnAndSettled_IsFollowedByOneComparison()
    {
        var h = new MachineHarness(o => (o.PushPullInterval, o.ProbeInterval) = (TimeSpan.FromHours(1), TimeSpan.FromSeconds(60))).Start(A, B);
        h.Run(TimeSpan.FromSeconds(10));
        h.Sent.Clear();
        for (var change = 2ul; change < 6; change++)
        {
            h.Receive(A, MessageKind.Gossip, updates: MemberUpdate.Alive(Peer("a", 2, incarnation: change)));
            h.Run(TimeSpan.FromSeconds(1));
        }

        Assert.Empty(h.SentOf(MessageKind.SyncDigest));
        h.Run(TimeSpan.FromSeconds(10));

        Assert.Single(h.SentOf(MessageKind.SyncDigest));
    }

    [Fact]
    public void Leave_EndsWhenAllWhoWereToldConfirmedIt()
    {
        var h = new MachineHarness().Start(A, B);
        h.Sent.Clear();

        h.Machine.Leave(h.Now);
        var farewells = Farewells(h).ToArray();
        Assert.Equal([A.Address, B.Address], farewells.Select(f => f.To).OrderBy(a => a.ToString(), StringComparer.Ordinal));
        Confirm(h, A, farewells.First(f => f.To.Equals(A.Address)).Message);
        Assert.False(h.Machine.HasLeft);
        Confirm(h, B, farewells.First(f => f.To.Equals(B.Address)).Message);

        Assert.True(h.Machine.HasLeft);
        Assert.Equal(TimeSpan.MaxValue, h.Machine.NextWakeup);
        Assert.True(h.Events.Single(e => e.Kind == SwimEventKind.LeaveCompleted).Favourable);
    }

    [Fact]
    public void Leave_UnconfirmedByOne_IsRepeatedToItUntilTheTimeoutAndReported()
    {
        var h = new MachineHarness().Start(A, B);
        h.Machine.Leave(h.Now);
        Confirm(h, A, Farewells(h).First(f => f.To.Equals(A.Address)).Message);
        h.Sent.Clear();

        h.Run(TimeSpan.FromSeconds(2.9));
        Assert.False(h.Machine.HasLeft);
        Assert.InRange(Farewells(h).Count(f => f.To.Equals(B.Address)), 10, 20);
        Assert.DoesNotContain(Farewells(h), f => f.To.Equals(A.Address));
        h.Run(TimeSpan.FromSeconds(0.3));

        Assert.True(h.Machine.HasLeft);
        Assert.False(h.Events.Single(e => e.Kind == SwimEventKind.LeaveCompleted).Favourable);
    }

    [Fact]
    public void Leave_OfAll_WaitsForNobodyWhoLeavesToo()
    {
        var h = new MachineHarness().Start(A);
        h.Machine.Leave(h.Now);

        h.Receive(A, MessageKind.Ping, 7, h.Machine.Local.Identity, updates: MemberUpdate.Left(A.Identity, 1));
        h.Run(TimeSpan.FromSeconds(0.3));

        Assert.Equal(A.Address, h.SentOf(MessageKind.Ack).Last().To);
        Assert.True(h.Machine.HasLeft);
    }

    private static IEnumerable<(System.Net.IPEndPoint To, SwimMessage Message, TimeSpan At)> Farewells(MachineHarness h) =>
        h.SentOf(MessageKind.Ping).Where(s => s.Message.Updates.Any(u => u.State == MemberState.Left));

    private static void Confirm(MachineHarness h, MemberRecord member, SwimMessage farewell) =>
        h.Receive(member, MessageKind.Ack, farewell.Sequence, member.Identity);

    [Fact]
    public void Leave_WithNobodyElse_EndsAtOnce()
    {
        var h = new MachineHarness().Start();

        h.Machine.Leave(h.Now);

        Assert.True(h.Machine.HasLeft);
        Assert.Equal(1, h.CountOf(SwimEventKind.LeaveCompleted));
    }
}
