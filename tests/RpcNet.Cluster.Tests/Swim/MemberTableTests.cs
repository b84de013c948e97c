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

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void StartFrom_ACommonView_BehavesLikeRowsOfItsOwn(int seed)
    {
        var random = new Random(seed);
        var records = Enumerable.Range(0, 60).Select(i => Peer($"n{i}", i)).ToArray();
        var local = records[7];
        var shared = new MemberTable(new Random(seed));
        shared.StartFrom(new CommonView(records), local.Id, TimeSpan.Zero);
        var own = Fill(records.Where(r => r != local), seed);
        var next = records.Length;
        for (var step = 0; step < 800; step++)
        {
            var host = random.Next(1, 250);
            switch (random.Next(6))
            {
                case 0:
                    var record = Peer($"n{random.Next(next)}", host, incarnation: (ulong)step);
                    Both(table => Change(table, record, random: host));
                    break;
                case 1 when own.Dead.Count > 5:
                    var forgotten = own.Dead[random.Next(own.Dead.Count)].Id;
                    Both(table => table.Remove(Row(table, forgotten)));
                    break;
                case 2 when next < 90:
                    var newcomer = Peer($"n{next++}", host);
                    Both(table => table.Add(new MemberEntry(newcomer.Id, 1, 1, MemberState.Alive, newcomer, TimeSpan.Zero)));
                    break;
                default:
                    Assert.Equal(own.NextProbeTarget()?.Id, shared.NextProbeTarget()?.Id);
                    break;
            }

            AssertEqual(own, shared, records[random.Next(records.Length)], local, 1 << random.Next(5));
        }

        void Both(Action<MemberTable> change)
        {
            change(own);
            change(shared);
        }
    }

    [Fact]
    public void Changes_SinceTheMark_HoldWhoLeftAndNotWhoCameAndWent()
    {
        var table = Fill([Peer("a", 1), Peer("b", 2), Peer("c", 3)]);
        table.Changes.Mark();
        Update("a", MemberState.Failed);
        Update("b", MemberState.Suspect);
        Update("a", MemberState.Alive);
        table.Add(new MemberEntry(new NodeId("d"), 1, 1, MemberState.Alive, Peer("d", 4), TimeSpan.Zero));
        table.Add(new MemberEntry(new NodeId("e"), 1, 1, MemberState.Alive, Peer("e", 5), TimeSpan.Zero));
        Update("e", MemberState.Left);

        Assert.Equal([new NodeId("a")], table.Changes.Gone.Keys);
        Assert.Equal(["a", "b", "c"], table.LiveRecords().Where(r => table.Changes.IsOld(r.Id)).Select(r => r.Id.Value).Order());

        void Update(string id, MemberState state)
        {
            var entry = Row(table, new NodeId(id));
            table.Update(entry, entry.Generation, entry.Incarnation, state, entry.Record, TimeSpan.Zero);
        }
    }

    private static MemberEntry Row(MemberTable table, NodeId id)
    {
        Assert.True(table.TryGet(id, out var entry));
        return entry;
    }

    private static void Change(MemberTable table, MemberRecord record, int random)
    {
        if (table.TryGet(record.Id, out var entry))
        {
            table.Update(entry, 1, record.Incarnation, (MemberState)(random % 4), entry.Record is null || random % 3 == 0 ? record : entry.Record, TimeSpan.Zero);
        }
    }

    private static void AssertEqual(MemberTable own, MemberTable shared, MemberRecord any, MemberRecord local, int buckets)
    {
        Assert.Equal(own.Live.Select(Describe), shared.Live.Select(Describe));
        Assert.Equal(own.Dead.Select(Describe), shared.Dead.Select(Describe));
        Assert.Equal(own.LiveRecords(), shared.LiveRecords());
        Assert.Equal(own.Fingerprint, shared.Fingerprint);
        Assert.Equal(own.Version, shared.Version);
        Assert.Equal(own.TryGet(any.Id, out _), shared.TryGet(any.Id, out _));
        Assert.Equal(own.FindLive(any.Address) is null, shared.FindLive(any.Address) is null);
        Assert.Equal(Nearest(own, true), Nearest(shared, true));
        Assert.Equal(Nearest(own, false), Nearest(shared, false));
        Assert.Equal(Buckets(own), Buckets(shared));
        Assert.Equal(InBucket(own), InBucket(shared));

        static string Describe(MemberEntry e) => $"{e.Identity}@{e.Incarnation} {e.State} {e.Record?.Incarnation}";

        IEnumerable<NodeId> Nearest(MemberTable table, bool forwards)
        {
            var nearest = new List<MemberEntry>();
            table.TryGet(any.Id, out var excluded);
            table.Nearest(any == local ? local.RingHash : any.RingHash + 1, forwards, 5, nearest, excluded);
            return nearest.Select(e => e.Id);
        }

        ulong[] Buckets(MemberTable table)
        {
            var fingerprints = new ulong[buckets];
            table.AddFingerprints(fingerprints);
            return fingerprints;
        }

        IEnumerable<NodeId> InBucket(MemberTable table) => table.LiveWhere(hash => hash % (ulong)buckets == 0).Select(e => e.Id);
    }

    private static MemberTable Fill(IEnumerable<MemberRecord> records, int seed = 1)
    {
        var table = new MemberTable(new Random(seed));
        foreach (var record in records)
        {
            table.Add(new MemberEntry(record.Id, record.Generation, record.Incarnation, MemberState.Alive, record, TimeSpan.Zero));
        }

        return table;
    }
}
