using RpcNet.Cluster.Swim;
using static RpcNet.Cluster.Tests.Swim.MachineHarness;

namespace RpcNet.Cluster.Tests.Swim;

public class SuspicionTests
{
    private static readonly MemberRecord A = Peer("a", 2);
    private static readonly MemberRecord B = Peer("b", 3);
    private static readonly MemberRecord C = Peer("c", 4);
    private static readonly MemberRecord D = Peer("d", 5);

    /// <summary>Slow probes, so that only the accusations given by a test count.</summary>
    private static MachineHarness Quiet() => new MachineHarness(o => o.ProbeInterval = TimeSpan.FromMilliseconds(500)).Start(A, B, C, D);

    [Theory]
    [InlineData(0, 2.0, 12.0, 12.0)]
    [InlineData(1, 2.0, 12.0, 5.690702464)]
    [InlineData(2, 2.0, 12.0, 2.0)]
    public void Timeout_DecaysWithConfirmations(int confirmations, double min, double max, double expected)
    {
        var timeout = SwimRules.Default.SuspicionTimeout(TimeSpan.FromSeconds(min), TimeSpan.FromSeconds(max), confirmations, expected: 2);

        Assert.Equal(expected, timeout.TotalSeconds, 6);
    }

    [Theory]
    [InlineData(2, 2.0)]
    [InlineData(10, 2.0)]
    [InlineData(100, 4.0)]
    [InlineData(1000, 6.0)]
    public void MinSuspicion_GrowsWithTheLogarithmOfTheMembers(int members, double seconds) =>
        Assert.Equal(seconds, SwimRules.Default.MinSuspicion(4, members, TimeSpan.FromMilliseconds(500)).TotalSeconds, 6);

    [Theory]
    [InlineData(2, 0)]
    [InlineData(3, 0)]
    [InlineData(4, 2)]
    [InlineData(100, 2)]
    public void ExpectedConfirmations_FewMembers_None(int members, int expected) =>
        Assert.Equal(expected, SwimRules.Default.ExpectedConfirmations(4, members));

    [Theory]
    [InlineData(1, 4)]
    [InlineData(9, 4)]
    [InlineData(10, 8)]
    [InlineData(1000, 16)]
    public void RetransmitLimit_GrowsWithTheLogarithmOfTheMembers(int members, int limit) =>
        Assert.Equal(limit, SwimRules.Default.RetransmitLimit(4, members));

    [Fact]
    public void Suspicion_ConfirmedByTwoOthers_FailsAfterTheMinimum()
    {
        var h = Quiet();
        foreach (var accuser in new[] { B, C, D })
        {
            h.Receive(accuser, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Suspect, A.Identity, 1, accuser.Id));
        }

        h.Run(TimeSpan.FromSeconds(1.9));
        Assert.Equal(MemberState.Suspect, h.Entry("a").State);
        h.Run(TimeSpan.FromSeconds(0.2));

        Assert.Equal(MemberState.Failed, h.Entry("a").State);
        Assert.Single(h.Events, e => e.Kind == SwimEventKind.Failed && e.Record!.Id == A.Id);
    }

    [Fact]
    public void Suspicion_ConfirmedAfterItsMinimum_FailsAtOnceAndIsNoPause()
    {
        var h = Quiet();
        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Suspect, A.Identity, 1, B.Id));
        h.Run(TimeSpan.FromSeconds(4));
        foreach (var accuser in new[] { C, D })
        {
            h.Receive(accuser, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Suspect, A.Identity, 1, accuser.Id));
        }

        Assert.Equal(MemberState.Failed, h.Entry("a").State);
        h.Run(TimeSpan.FromSeconds(1));

        Assert.Equal(0, h.Machine.Statistics.Pauses);
    }

    [Fact]
    public void Pause_NoticedByAMessage_CountsOnce()
    {
        var h = Quiet().Run(TimeSpan.FromSeconds(2));

        h.Sleep(TimeSpan.FromSeconds(5));
        h.Receive(B, MessageKind.Gossip);
        h.Machine.Tick(h.Now);

        Assert.Equal(1, h.Machine.Statistics.Pauses);
        Assert.Single(h.Events, e => e.Kind == SwimEventKind.Paused);
    }

    [Fact]
    public void Suspicion_TheSameAccuserTwice_CountsOnce()
    {
        var h = Quiet();
        for (var i = 0; i < 5; i++)
        {
            h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Suspect, A.Identity, 1, B.Id));
        }

        h.Run(TimeSpan.FromSeconds(1.5));

        Assert.Equal(MemberState.Suspect, h.Entry("a").State);
        Assert.Single(h.Events, e => e.Kind == SwimEventKind.Suspected && e.Record!.Id == A.Id);
    }

    [Fact]
    public void Refutation_WithAHigherIncarnation_Recovers()
    {
        var h = Quiet();
        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Suspect, A.Identity, 1, B.Id));

        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Alive(Peer("a", 2, incarnation: 2)));

        Assert.Equal(MemberState.Alive, h.Entry("a").State);
        Assert.Equal(1, h.CountOf(SwimEventKind.Recovered));
    }

    [Fact]
    public void Alive_AtTheAccusedIncarnation_DoesNotRefute()
    {
        var h = Quiet();
        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Suspect, A.Identity, 1, B.Id));

        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Alive(A));

        Assert.Equal(MemberState.Suspect, h.Entry("a").State);
    }

    [Fact]
    public void Accused_RaisesItsIncarnationAboveTheAccusation()
    {
        var h = Quiet();

        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Suspect, h.Machine.Local.Identity, 5, B.Id));
        h.Run(TimeSpan.FromMilliseconds(200));

        Assert.Equal(6ul, h.Machine.Local.Incarnation);
        Assert.Contains(h.SentOf(MessageKind.Gossip), s => s.Message.Updates.Any(u => u.State == MemberState.Alive && u.Incarnation == 6));
        Assert.Equal(1, h.Machine.LocalHealth);
    }

    [Fact]
    public void Accused_OfAnOldIncarnation_SaysItsRefutationAgainButNoNewOne()
    {
        var h = Quiet();
        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Suspect, h.Machine.Local.Identity, 5, B.Id));
        Assert.True(h.RunUntil(() => h.Machine.PendingNews == 0));
        h.Sent.Clear();

        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Suspect, h.Machine.Local.Identity, 5, C.Id));
        h.Run(TimeSpan.FromSeconds(0.3));

        Assert.Equal(6ul, h.Machine.Local.Incarnation);
        Assert.Contains(h.Sent, s => s.Message.Updates.Any(u => u.State == MemberState.Alive && u.Incarnation == 6));
    }

    [Fact]
    public void Buddy_MessageToASuspect_CarriesTheAccusation()
    {
        var h = Quiet();
        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Suspect, A.Identity, 1, B.Id));

        h.Receive(A, MessageKind.Ping, sequence: 1, target: h.Machine.Local.Identity);

        var accusation = h.LastSent(MessageKind.Ack).Updates[0];
        Assert.Equal((MemberState.Suspect, A.Identity), (accusation.State, accusation.Subject));
    }

    [Fact]
    public void Failed_WithoutASuspicionHeardOfBefore_LeavesALastChance()
    {
        var h = Quiet();

        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Failed, A.Identity, 1, B.Id));
        Assert.Equal(MemberState.Suspect, h.Entry("a").State);
        h.Receive(A, MessageKind.Gossip, updates: MemberUpdate.Alive(Peer("a", 2, incarnation: 2)));

        Assert.Equal(MemberState.Alive, h.Entry("a").State);
        Assert.Equal(0, h.CountOf(SwimEventKind.Failed));
    }

    [Fact]
    public void Failed_AfterASuspicion_CountsWhenTheSuspicionHasLastedItsMinimum()
    {
        var h = Quiet();
        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Suspect, A.Identity, 1, B.Id));

        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Failed, A.Identity, 1, B.Id));
        Assert.Equal(MemberState.Suspect, h.Entry("a").State);
        h.Run(TimeSpan.FromSeconds(2));

        Assert.Equal(MemberState.Failed, h.Entry("a").State);
    }

    [Fact]
    public void Accusation_ByAMemberHeldForDead_IsIgnored()
    {
        var h = Quiet();
        h.Receive(C, MessageKind.Gossip, updates: MemberUpdate.Left(B.Identity, 1));

        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Suspect, A.Identity, 1, B.Id));

        Assert.Equal(MemberState.Alive, h.Entry("a").State);
    }

    [Fact]
    public void FailedMember_ThatSendsSomething_IsToldSo()
    {
        var h = Quiet();
        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Failed, A.Identity, 1, B.Id, isVerdict: true));
        h.Sent.Clear();

        h.Receive(A, MessageKind.Heartbeat);

        var (to, message, _) = Assert.Single(h.Sent);
        Assert.Equal(A.Address, to);
        Assert.Equal(MemberState.Failed, message.Updates[0].State);
    }
}
