using RpcNet.Cluster.Swim;
using static RpcNet.Cluster.Tests.Swim.MachineHarness;

namespace RpcNet.Cluster.Tests.Swim;

public class PartitionDetectorTests
{
    private static readonly MemberRecord A = Peer("a", 2);
    private static readonly MemberRecord B = Peer("b", 3);
    private static readonly MemberRecord C = Peer("c", 4);
    private static readonly MemberRecord D = Peer("d", 5);

    [Fact]
    public void Suspects_WhoWereSoOnceBefore_MustBeSoForTheSettleTimeAgain()
    {
        var h = new MachineHarness(o =>
        {
            o.ProbeInterval = TimeSpan.FromSeconds(60);
            o.Partition.StableViewTime = TimeSpan.FromSeconds(1);
            o.Partition.IsolationTimeout = TimeSpan.FromMinutes(10);
        }).Start(A, B, C, D);
        h.Run(TimeSpan.FromSeconds(5));
        Suspect(h, incarnation: 1);
        h.Run(TimeSpan.FromSeconds(2));
        Refute(h, incarnation: 2);
        h.Run(TimeSpan.FromSeconds(60));

        Suspect(h, incarnation: 2);
        h.Run(TimeSpan.FromSeconds(2));
        Assert.Equal(0, h.CountOf(SwimEventKind.PartitionDetected));
        h.Run(TimeSpan.FromSeconds(3));

        Assert.Equal(1, h.CountOf(SwimEventKind.PartitionDetected));
    }

    private static void Suspect(MachineHarness h, ulong incarnation)
    {
        h.Receive(C, MessageKind.Gossip, updates: [
            MemberUpdate.Accuse(MemberState.Suspect, A.Identity, incarnation, C.Id),
            MemberUpdate.Accuse(MemberState.Suspect, B.Identity, incarnation, C.Id)]);
    }

    private static void Refute(MachineHarness h, ulong incarnation)
    {
        h.Receive(C, MessageKind.Gossip, updates: [
            MemberUpdate.Alive(Peer("a", 2, incarnation: incarnation)),
            MemberUpdate.Alive(Peer("b", 3, incarnation: incarnation))]);
    }
}
