using RpcNet.Cluster.Swim;
using static RpcNet.Cluster.Tests.Swim.MachineHarness;

namespace RpcNet.Cluster.Tests.Swim;

public class MemberTableTests
{
    [Fact]
    public void NextProbeTarget_WithComingAndGoing_ReachesEveryoneWithinTwoRounds()
    {
        var random = new Random(5);
        var table = new MemberTable(new Random(6));
        var waiting = new Dictionary<NodeId, int>();
        var next = 0;
        for (var i = 0; i < 30; i++)
        {
            Add();
        }

        for (var step = 0; step < 20_000; step++)
        {
            if (random.Next(10) == 0 && table.Live.Count > 10)
            {
                var gone = table.Live[random.Next(table.Live.Count)];
                table.Remove(gone);
                waiting.Remove(gone.Id);
            }

            if (random.Next(10) == 0 && table.Live.Count < 50)
            {
                Add();
            }

            var target = table.NextProbeTarget()!;
            foreach (var id in waiting.Keys.ToArray())
            {
                waiting[id]++;
            }

            waiting[target.Id] = 0;
            Assert.All(waiting.Values, w => Assert.InRange(w, 0, 120));
        }

        void Add()
        {
            var record = Peer($"n{next++}", 1);
            table.Add(new MemberEntry(record.Id, 1, 1, MemberState.Alive, record, TimeSpan.Zero));
            waiting[record.Id] = 0;
        }
    }

    [Fact]
    public void Fingerprint_OfEqualTables_IsEqualWhateverTheOrder()
    {
        var records = Enumerable.Range(0, 20).Select(i => Peer($"n{i}", i)).ToArray();
        var one = Fill(records);
        var other = Fill(records.Reverse());
        Assert.Equal(one.Fingerprint, other.Fingerprint);

        other.TryGet(new NodeId("n3"), out var entry);
        other.Update(entry!, 1, 2, MemberState.Alive, Peer("n3", 3, incarnation: 2), TimeSpan.Zero);
        Assert.NotEqual(one.Fingerprint, other.Fingerprint);
        other.Update(entry!, 1, 2, MemberState.Failed, entry!.Record, TimeSpan.Zero);
        one.TryGet(new NodeId("n3"), out var same);
        one.Remove(same!);

        Assert.Equal(one.Fingerprint, other.Fingerprint);
    }

    private static MemberTable Fill(IEnumerable<MemberRecord> records)
    {
        var table = new MemberTable(new Random(1));
        foreach (var record in records)
        {
            table.Add(new MemberEntry(record.Id, record.Generation, record.Incarnation, MemberState.Alive, record, TimeSpan.Zero));
        }

        return table;
    }
}
