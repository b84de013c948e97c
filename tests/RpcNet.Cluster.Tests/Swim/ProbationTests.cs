using RpcNet.Cluster.Swim;
using static RpcNet.Cluster.Tests.Swim.MachineHarness;

namespace RpcNet.Cluster.Tests.Swim;

public class ProbationTests
{
    private static readonly MemberRecord A = Peer("a", 2);
    private static readonly MemberRecord[] Others = [Peer("b", 3), Peer("c", 4), Peer("d", 5)];

    private readonly MachineHarness _h = new(o => o.Phi.Enabled = true);
    private uint _heartbeat;
    private int _answered;
    private ulong _incarnation = 1;

    public ProbationTests()
    {
        _h.Start([A, .. Others]);
        Live(seconds: 40, isSilent: false);
    }

    [Fact]
    public void Failed_WhileItsHeartbeatsCame_IsBackAtItsFirstWord()
    {
        Bury();

        Announce();

        Assert.Equal(MemberState.Alive, _h.Entry("a").State);
    }

    [Fact]
    public void Failed_AfterASilence_IsBackWhenItsHeartbeatsCameForHalfAMinute()
    {
        Live(seconds: 5, isSilent: true);
        Bury();

        Announce();
        Assert.Equal(MemberState.Failed, _h.Entry("a").State);
        Live(seconds: 25, isSilent: false);
        Announce();
        Assert.Equal(MemberState.Failed, _h.Entry("a").State);
        Live(seconds: 7, isSilent: false);
        Announce();

        Assert.Equal(MemberState.Alive, _h.Entry("a").State);
    }

    [Fact]
    public void Failed_InErrorButSilentSince_StaysOut()
    {
        Bury();
        Live(seconds: 5, isSilent: true);

        Announce();

        Assert.Equal(MemberState.Failed, _h.Entry("a").State);
    }

    [Fact]
    public void Failed_ByVerdictOfItsMonitors_StaysOutThoughHeartbeatsCame()
    {
        _h.Receive(Others[0], MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Failed, A.Identity, 1, Others[0].Id, isVerdict: true));

        Announce();

        Assert.Equal(MemberState.Failed, _h.Entry("a").State);
    }

    [Fact]
    public void Verdict_AndTheWordOfOneWhoHasNotHeardIt_IsUpheldAndPassedOn()
    {
        _h.Receive(Others[0], MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Failed, A.Identity, 1, Others[0].Id, isVerdict: true));
        _h.Sent.Clear();

        PassOn(incarnation: 7);
        _h.Run(TimeSpan.FromSeconds(1));

        Assert.Equal(MemberState.Failed, _h.Entry("a").State);
        Assert.Contains(_h.Sent, s => s.Message.Updates.Any(u => u is { State: MemberState.Failed, IsVerdict: true, Incarnation: 7 }));
    }

    [Fact]
    public void Verdict_AndTheWordOfOneWhoMayHaveWatchedTheProbation_IsOver()
    {
        _h.Receive(Others[0], MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Failed, A.Identity, 1, Others[0].Id, isVerdict: true));
        Live(seconds: 30, isSilent: true);

        PassOn(incarnation: 7);

        Assert.Equal(MemberState.Alive, _h.Entry("a").State);
    }

    [Theory]
    [InlineData(5, MemberState.Failed)]
    [InlineData(6, MemberState.Alive)]
    public void Verdict_WhoseSubjectRefutedOtherAccusationsMeanwhile_CountsUpToFourIncarnationsOn(ulong incarnation, MemberState state)
    {
        PassOn(incarnation);

        _h.Receive(Others[0], MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Failed, A.Identity, 1, Others[0].Id, isVerdict: true));

        Assert.Equal(state, _h.Entry("a").State);
    }

    [Fact]
    public void Complaints_OfOthersLongAfterItsOwn_AreNotSeconded()
    {
        for (var i = 0; i < 20; i++)
        {
            Live(seconds: 1, isSilent: false);
            Live(seconds: 1, isSilent: false, beats: false);
        }

        Assert.NotEmpty(_h.SentOf(MessageKind.Complaint));
        Live(seconds: 60, isSilent: false);

        foreach (var other in Others)
        {
            _h.Receive(other, MessageKind.Complaint, target: A.Identity);
        }

        Assert.Equal(MemberState.Alive, _h.Entry("a").State);
    }

    [Fact]
    public void Failed_HeardOfAgainAtHigherIncarnations_IsNoRelapse()
    {
        Live(seconds: 5, isSilent: true);
        Bury();
        for (var i = 0; i < 5; i++)
        {
            _h.Receive(Others[1], MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Failed, A.Identity, ++_incarnation, Others[1].Id));
        }

        Live(seconds: 32, isSilent: false);
        Announce();

        Assert.Equal(MemberState.Alive, _h.Entry("a").State);
    }

    [Fact]
    public void HeldForDead_WhichExplainsWhyNoHeartbeatsCome_ComplainsAboutNobody()
    {
        for (var i = 0; i < 15; i++)
        {
            _h.Receive(Others[0], MessageKind.Gossip, updates: MemberUpdate.Accuse(
                MemberState.Failed, _h.Machine.Local.Identity, _h.Machine.Local.Incarnation, Others[0].Id));
            Live(seconds: 4, isSilent: false, beats: false);
        }

        Assert.Equal(0, _h.CountOf(SwimEventKind.Suspected));
        Assert.Empty(_h.SentOf(MessageKind.Complaint));
    }

    private void PassOn(ulong incarnation) =>
        _h.Receive(Others[1], MessageKind.Gossip, updates: MemberUpdate.Alive(Peer("a", 2, incarnation: incarnation)));

    /// <summary>All accuse it and its refutation is late.</summary>
    private void Bury()
    {
        foreach (var other in Others)
        {
            _h.Receive(other, MessageKind.Gossip, updates: MemberUpdate.Accuse(MemberState.Suspect, A.Identity, _incarnation, other.Id));
        }

        Live(seconds: 2.1, isSilent: _h.Entry("a").State == MemberState.Failed);
        Assert.Equal(MemberState.Failed, _h.Entry("a").State);
    }

    private void Announce() =>
        _h.Receive(A, MessageKind.Gossip, updates: MemberUpdate.Alive(Peer("a", 2, incarnation: ++_incarnation)));

    /// <summary>The others answer all probes; so does <see cref="A"/>, and beats once a second, unless it is silent.</summary>
    private void Live(double seconds, bool isSilent, bool beats = true)
    {
        for (var tick = 0; tick < seconds * 10; tick++)
        {
            _h.Run(TimeSpan.FromSeconds(0.1));
            for (; _answered < _h.Sent.Count; _answered++)
            {
                var (to, message, _) = _h.Sent[_answered];
                var target = to.Equals(A.Address) ? A : Others.First(o => o.Address.Equals(to));
                if (message.Kind == MessageKind.Ping && (target != A || !isSilent))
                {
                    _h.Receive(target, MessageKind.Ack, message.Sequence, target.Identity);
                }
            }

            if (!isSilent && beats && tick % 10 == 0)
            {
                _h.Receive(A, MessageKind.Heartbeat, ++_heartbeat);
            }
        }
    }
}
