using System.Diagnostics.Metrics;

namespace RpcNet.Cluster.Tests.Membership;

[Collection("Routing and who listens to it")]
public class MembershipMetricsTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Meter_OfARunningNode_TellsPhiMembersAndTraffic()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("metric-a", 7001);
        var b = await harness.StartAsync("metric-b", 7002);
        Assert.True(await harness.RunUntilAsync(() => a.Cluster.Members.Length == 2 && b.Cluster.Members.Length == 2, Limit));
        await harness.RunAsync(TimeSpan.FromSeconds(5));

        var measured = Collect("metric-a");

        Assert.InRange(measured["rpcnet.cluster.phi metric-b"], 0, 1);
        Assert.Equal(2, measured["rpcnet.cluster.members Alive"]);
        Assert.Equal(1, measured["rpcnet.cluster.quorum"]);
        Assert.InRange(measured["rpcnet.cluster.probes"], 5, 100);
        Assert.Equal(0, measured["rpcnet.cluster.suspicions"]);
        Assert.InRange(measured["rpcnet.cluster.messages.sent"], 10, 1000);
        Assert.InRange(measured["rpcnet.cluster.bytes.sent"], 200, 100_000);
    }

    [Fact]
    public async Task Meter_AfterACrash_PhiHasGrownAndTheSuspicionIsCounted()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("crash-a", 7001);
        var b = await harness.StartAsync("crash-b", 7002);
        Assert.True(await harness.RunUntilAsync(() => a.Cluster.Members.Length == 2 && b.Cluster.Members.Length == 2, Limit));
        await harness.RunAsync(TimeSpan.FromSeconds(5));
        var before = Collect("crash-a")["rpcnet.cluster.phi crash-b"];

        await b.KillAsync();

        Assert.True(await harness.RunUntilAsync(() => a.EventsOf<NodeSuspect>().Any(), Limit));
        Assert.True(Collect("crash-a")["rpcnet.cluster.suspicions"] >= 1);
        Assert.True(await harness.RunUntilAsync(() => a.EventsOf<NodeFailed>().Any(), Limit));
        var after = Collect("crash-a");
        Assert.Equal(1, after["rpcnet.cluster.failures"]);
        Assert.False(after.ContainsKey("rpcnet.cluster.phi crash-b"));
        Assert.InRange(before, 0, 1);
    }

    [Fact]
    public async Task Meter_OfADisposedNode_TellsNothing()
    {
        await using var harness = new ClusterHarness();
        var a = await harness.StartAsync("gone-a", 7001);
        Assert.NotEmpty(Collect("gone-a"));

        await a.DisposeAsync();

        Assert.Empty(Collect("gone-a"));
    }

    /// <summary>What the meter says of one node, by instrument and further tag.</summary>
    private static Dictionary<string, double> Collect(string node)
    {
        var values = new Dictionary<string, double>(StringComparer.Ordinal);
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == "RpcNet.Cluster")
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<double>((i, v, tags, _) => Add(i, v, tags));
        listener.SetMeasurementEventCallback<long>((i, v, tags, _) => Add(i, v, tags));
        listener.SetMeasurementEventCallback<int>((i, v, tags, _) => Add(i, v, tags));
        listener.Start();
        listener.RecordObservableInstruments();
        return values;

        void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var name = instrument.Name;
            var own = false;
            foreach (var (key, text) in tags)
            {
                own |= key == "rpcnet.node" && (string?)text == node;
                name += key == "rpcnet.node" ? "" : $" {text}";
            }

            if (own)
            {
                values[name] = value;
            }
        }
    }
}
