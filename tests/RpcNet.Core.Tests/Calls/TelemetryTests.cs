using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using RpcNet.Core.Tests.Support;

namespace RpcNet.Core.Tests.Calls;

/// <summary>Listeners are global, so these tests look only at what their own calls did.</summary>
[Collection("telemetry")]
public sealed class TelemetryTests
{
    [Fact]
    public async Task Spans_OfEveryKind_FormOneTraceAcrossTheWire()
    {
        var spans = new ConcurrentQueue<Activity>();
        using var root = new Activity("root").SetIdFormat(ActivityIdFormat.W3C).Start();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "RpcNet",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        await using var fixture = await RpcFixture.StartAsync();
        string? seenByHandler = null;
        fixture.Service.OnCall = _ =>
        {
            seenByHandler = Activity.Current?.Id;
            return default;
        };

        await Eventually.Soon(fixture.Client.EchoAsync(""));
        var (client, server) = await PairAsync("tests.v1.Probe/Echo");
        Assert.Equal(root.SpanId, client.ParentSpanId);
        Assert.Equal(client.SpanId, server.ParentSpanId);
        Assert.Equal(server.Id, seenByHandler);
        Assert.Equal("rpcnet", client.GetTagItem("rpc.system.name"));
        Assert.Equal("OK", server.GetTagItem("rpc.response.status_code"));
        Assert.Equal(fixture.EndPoint.Port, client.GetTagItem("server.port"));
        Assert.Same(root, Activity.Current);

        await foreach (var _ in fixture.Client.RangeAsync(1, 3))
        {
            Assert.Same(root, Activity.Current);
        }

        (client, server) = await PairAsync("tests.v1.Probe/Range");
        Assert.Equal(root.SpanId, client.ParentSpanId);
        Assert.Equal(client.SpanId, server.ParentSpanId);

        await Eventually.Soon(fixture.Client.SumAsync(new[] { 1 }.ToAsyncEnumerable()));
        (client, server) = await PairAsync("tests.v1.Probe/Sum");
        Assert.Equal(client.SpanId, server.ParentSpanId);

        await Eventually.Fault(fixture.Client.FailAsync((int)RpcStatusCode.NotFound, "gone", []));
        (client, server) = await PairAsync("tests.v1.Probe/Fail");
        Assert.Equal(ActivityStatusCode.Error, client.Status);
        Assert.Equal("NOT_FOUND", client.GetTagItem("error.type"));
        Assert.Equal(ActivityStatusCode.Unset, server.Status);

        async Task<(Activity Client, Activity Server)> PairAsync(string name)
        {
            Activity[] mine = [];
            await Eventually.True(() => (mine = [.. spans.Where(s => s.TraceId == root.TraceId && s.DisplayName == name)]).Length == 2);
            return (mine.Single(s => s.Kind == ActivityKind.Client), mine.Single(s => s.Kind == ActivityKind.Server));
        }
    }

    [Fact]
    public async Task Metrics_RecordDurationAndStatus()
    {
        var records = new ConcurrentQueue<(string Instrument, string? Method, string? Status)>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "RpcNet")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) =>
        {
            Assert.InRange(value, 0, 60);
            string? method = null, status = null;
            foreach (var (key, tag) in tags)
            {
                method = key == "rpc.method" ? (string?)tag : method;
                status = key == "rpc.response.status_code" ? (string?)tag : status;
            }

            records.Enqueue((instrument.Name, method, status));
        });
        var gauges = new ConcurrentDictionary<string, int>();
        listener.SetMeasurementEventCallback<int>((instrument, value, _, _) => gauges[instrument.Name] = value);
        listener.Start();
        await using var fixture = await RpcFixture.StartAsync(services: map => map.MapUnary<int, int>("metrics/Only", (x, _, _) => new(x)));
        var method = new RpcUnaryMethod<int, int>("metrics", "Only", RpcMarshaller.Value<int>(), RpcMarshaller.Value<int>());
        await Eventually.Soon(fixture.Channel.InvokeUnaryAsync(method, 1, null, default));
        await Eventually.Fault(fixture.Channel.InvokeUnaryAsync(
            new RpcUnaryMethod<int, int>("metrics", "None", RpcMarshaller.Value<int>(), RpcMarshaller.Value<int>()), 1, null, default));
        await Eventually.True(() => records.Count(r => r.Method == "metrics/Only") == 2);
        Assert.Contains(("rpc.client.call.duration", "metrics/Only", "OK"), records);
        Assert.Contains(("rpc.server.call.duration", "metrics/Only", "OK"), records);
        Assert.Contains(("rpc.client.call.duration", "metrics/None", "UNIMPLEMENTED"), records);
        listener.RecordObservableInstruments();
        Assert.InRange(gauges["rpcnet.client.connections"], 1, 10_000);
        Assert.InRange(gauges["rpcnet.server.connections"], 1, 10_000);
        Assert.InRange(gauges["rpcnet.server.calls"], 0, 100_000);
    }
}
