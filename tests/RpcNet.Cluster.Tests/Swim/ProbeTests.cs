using RpcNet.Cluster.Swim;
using static RpcNet.Cluster.Tests.Swim.MachineHarness;

namespace RpcNet.Cluster.Tests.Swim;

public class ProbeTests
{
    private static readonly MemberRecord A = Peer("a", 2);
    private static readonly MemberRecord B = Peer("b", 3);
    private static readonly MemberRecord C = Peer("c", 4);
    private static readonly MemberRecord D = Peer("d", 5);

    [Fact]
    public void Probe_EachRound_TakesEachMemberOnce()
    {
        var h = new MachineHarness(o => o.MaxLocalHealth = 0).Start(A, B, C, D);

        h.Run(TimeSpan.FromSeconds(2));

        var firstPings = h.SentOf(MessageKind.Ping).DistinctBy(s => s.Message.Sequence).Take(4).Select(s => s.Message.Target.Id.Value);
        Assert.Equal(["a", "b", "c", "d"], firstPings.Order());
    }

    [Fact]
    public void Probe_Answered_SuspectsNobody()
    {
        var h = new MachineHarness().Start(A);
        h.RunUntil(() => h.SentOf(MessageKind.Ping).Any());
        var ping = h.LastSent(MessageKind.Ping);

        h.Receive(A, MessageKind.Ack, ping.Sequence, A.Identity);
        h.Run(TimeSpan.FromMilliseconds(499));

        Assert.Empty(h.SentOf(MessageKind.PingRequest));
        Assert.Equal(MemberState.Alive, h.Entry("a").State);
    }

    [Fact]
    public void Probe_Unanswered_AsksHelpersAfterTheTimeoutAndAccusesAtTheEndOfThePeriod()
    {
        var h = new MachineHarness().Start(A, B, C, D);
        Assert.True(h.RunUntil(() => h.SentOf(MessageKind.Ping).Any()));
        var (_, ping, at) = h.SentOf(MessageKind.Ping).First();

        Assert.True(h.RunUntil(() => h.SentOf(MessageKind.PingRequest).Any()));
        var requests = h.SentOf(MessageKind.PingRequest).ToArray();
        Assert.Equal(3, requests.Length);
        Assert.All(requests, r => Assert.Equal(ping.Target, r.Message.Target));
        Assert.All(requests, r => Assert.NotEqual(r.To, r.Message.TargetAddress));
        Assert.Equal(at + TimeSpan.FromMilliseconds(200), requests[0].At);

        Assert.True(h.RunUntil(() => h.CountOf(SwimEventKind.Suspected) > 0));
        Assert.Equal(at + TimeSpan.FromMilliseconds(500), h.Now);
        Assert.Equal(MemberState.Suspect, h.Entry(ping.Target.Id.Value).State);
    }

    [Fact]
    public void Helper_ProbesForTheAskerAndPassesTheAnswerOn()
    {
        var h = new MachineHarness().Start(A, B);
        h.Receive(A, MessageKind.PingRequest, sequence: 77, target: B.Identity);
        var ping = h.SentOf(MessageKind.Ping).Last();
        Assert.Equal(B.Identity, ping.Message.Target);

        h.Receive(B, MessageKind.Ack, ping.Message.Sequence, B.Identity);

        var (to, ack, _) = h.SentOf(MessageKind.Ack).Last();
        Assert.Equal(A.Address, to);
        Assert.Equal(77u, ack.Sequence);
        Assert.Equal(B.Identity, ack.Target);
    }

    [Fact]
    public void Helper_WithoutAnAnswer_SaysSo()
    {
        var h = new MachineHarness().Start(A, B);
        h.Receive(A, MessageKind.PingRequest, sequence: 77, target: B.Identity);

        h.Run(TimeSpan.FromMilliseconds(200));

        Assert.Equal(77u, h.LastSent(MessageKind.Nack).Sequence);
    }

    [Fact]
    public void Probe_HeldUpInThisProcess_AccusesNobody()
    {
        var h = new MachineHarness { HeldUp = Address(2) }.Start(Peer("a", 2));

        h.Run(TimeSpan.FromSeconds(10));
        Assert.Equal(0, h.CountOf(SwimEventKind.Suspected));

        h.HeldUp = null;
        Assert.True(h.RunUntil(() => h.CountOf(SwimEventKind.Suspected) == 1));
    }

    [Fact]
    public void LocalHealth_FailedProbeWithSilentHelpers_SlowsTheProbes()
    {
        var h = new MachineHarness().Start(A, B, C, D);

        Assert.True(h.RunUntil(() => h.CountOf(SwimEventKind.Suspected) > 0));

        Assert.Equal(3, h.Machine.LocalHealth);
    }

    [Fact]
    public void LocalHealth_FailedProbeWhoseHelpersSaidNo_StaysGood()
    {
        var h = new MachineHarness().Start(A, B, C, D);
        Assert.True(h.RunUntil(() => h.SentOf(MessageKind.PingRequest).Any()));
        var requests = h.SentOf(MessageKind.PingRequest).ToArray();
        foreach (var (to, request, _) in requests)
        {
            var helper = new[] { A, B, C, D }.Single(r => r.Address.Equals(to));
            h.Receive(helper, MessageKind.Nack, request.Sequence, request.Target);
        }

        Assert.True(h.RunUntil(() => h.CountOf(SwimEventKind.Suspected) > 0));

        Assert.Equal(0, h.Machine.LocalHealth);
    }

    [Fact]
    public void Ping_ForAnotherProcess_IsAnsweredWithMismatchAndNoAck()
    {
        var h = new MachineHarness().Start(A);

        h.Receive(A, MessageKind.Ping, sequence: 5, target: new NodeIdentity(new NodeId("old"), 1));

        Assert.Empty(h.SentOf(MessageKind.Ack));
        Assert.Equal(h.Machine.Local.Identity, h.LastSent(MessageKind.Mismatch).Updates[0].Subject);
    }

    [Fact]
    public void Doubt_ProbesAtOnceAndAccusesNobodyByItself()
    {
        var h = new MachineHarness(o => o.ProbeInterval = TimeSpan.FromSeconds(60)).Start(A, B);

        h.Machine.Doubt(h.Now, A.Address);

        Assert.Equal(A.Identity, h.LastSent(MessageKind.Ping).Target);
        Assert.Equal(MemberState.Alive, h.Entry("a").State);
    }

    [Fact]
    public void PauseGuard_ProbeInFlight_AccusesNobodyOnWaking()
    {
        var h = new MachineHarness().Start(A, B, C);
        Assert.True(h.RunUntil(() => h.SentOf(MessageKind.Ping).Any()));

        h.Stall(TimeSpan.FromSeconds(20));
        h.Run(TimeSpan.FromMilliseconds(900));

        Assert.Equal(1, h.CountOf(SwimEventKind.Paused));
        Assert.Equal(0, h.CountOf(SwimEventKind.Suspected));
    }

    [Fact]
    public void PauseGuard_PendingSuspicion_GetsTheLostTimeBack()
    {
        var h = new MachineHarness().Start(A, B, C);
        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Suspect, A.Identity, 1, B.Id));
        h.Run(TimeSpan.FromMilliseconds(100));

        h.Stall(TimeSpan.FromSeconds(60));
        h.Run(TimeSpan.FromSeconds(1));

        Assert.Equal(MemberState.Suspect, h.Entry("a").State);
    }

    [Fact]
    public void PauseGuard_Off_TheSuspicionEndsWithThePause()
    {
        var h = new MachineHarness(o => o.PauseThreshold = TimeSpan.Zero).Start(A, B, C);
        h.Receive(B, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Suspect, A.Identity, 1, B.Id));

        h.Stall(TimeSpan.FromSeconds(60));

        Assert.Equal(MemberState.Failed, h.Entry("a").State);
    }
}
