using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using RpcNet.Cluster;
using RpcNet.Hosting.Tests.Support;
using RpcNet.Testing;
using RpcNet.Testing.InMemory;

namespace RpcNet.Hosting.Tests.Telemetry;

/// <summary>Listeners hear all of the process, so these tests look for what their own hosts did, by the methods' names.</summary>
public sealed class TelemetryTests
{
    private readonly InMemoryNetwork _network = new();

    [Fact(Timeout = 60_000)]
    public async Task Metrics_HaveExactlyTheseNamesUnitsAndAttributes()
    {
        var instruments = new ConcurrentDictionary<string, Instrument>();
        var measured = new ConcurrentBag<(string Instrument, string[] Attributes, string? Method)>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "RpcNet" || instrument.Meter.Name.StartsWith("RpcNet.", StringComparison.Ordinal))
                {
                    instruments[instrument.Name] = instrument;
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) => Add(instrument, tags));
        listener.SetMeasurementEventCallback<long>((instrument, _, tags, _) => Add(instrument, tags));
        listener.SetMeasurementEventCallback<int>((instrument, _, tags, _) => Add(instrument, tags));
        listener.Start();
        await using var director = await StartDirectorAsync();
        await using var worker = await StartWorkerAsync(director);
        var greeter = await ReadyGreeterAsync(director);
        await greeter.GreetAsync("you", TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<RpcFaultException>(() => greeter.GreetAsync("fail", TestContext.Current.CancellationToken).AsTask());
        await Assert.ThrowsAsync<RpcFaultException>(() => director.CreateClient<IGreeter>().GreetAsync("you", TestContext.Current.CancellationToken).AsTask());
        listener.RecordObservableInstruments();

        Assert.Equal(
            Instruments.All.Select(static i => (i.Name, i.Kind, (string?)i.Unit)).Order(),
            instruments.Values.Select(static i => (i.Name, Instruments.KindOf(i), i.Unit)).Order());
        Assert.All(instruments.Values, static i => Assert.False(string.IsNullOrEmpty(i.Description), i.Name));
        foreach (var spec in Instruments.All)
        {
            Assert.All(measured.Where(m => m.Instrument == spec.Name), m =>
            {
                Assert.Subset(m.Attributes.ToHashSet(), spec.Attributes.ToHashSet());
                Assert.Subset(spec.Attributes.Concat(spec.Optional).ToHashSet(), m.Attributes.ToHashSet());
            });
        }

        string[] seen = ["rpc.client.call.duration", "rpc.server.call.duration", "rpcnet.cluster.members", "rpcnet.cluster.quorum", "rpcnet.worker.selections", "rpcnet.server.refused_calls", "rpcnet.client.lanes"];
        Assert.All(seen, name => Assert.Contains(measured, m => m.Instrument == name));
        Assert.Contains(measured, static m => m is { Instrument: "rpc.client.call.duration", Method: "test.v1.Greeter/Greet" } && m.Attributes.Contains("error.type"));
        var duration = Assert.IsType<Histogram<double>>(instruments["rpc.server.call.duration"]);
        Assert.Equal([0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10], duration.Advice!.HistogramBucketBoundaries!);

        void Add(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var all = tags.ToArray();
            measured.Add((instrument.Name, [.. all.Select(static t => t.Key)], all.FirstOrDefault(static t => t.Key == "rpc.method").Value as string));
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task Spans_HaveExactlyTheseNamesAndAttributes_AndOneTraceCrossesEveryHop()
    {
        var spans = new List<Activity>();
        await using var back = await RpcTestHost.StartAsync(
            builder =>
            {
                builder.Services.AddScoped<CallScope>();
                builder.Services.AddRpcNet().AddService<IGreeter, Greeter>();
            },
            new RpcTestHostOptions { Network = _network },
            TestContext.Current.CancellationToken);
        await using var front = await RpcTestHost.StartAsync(
            builder =>
            {
                builder.Services.AddOpenTelemetry().WithTracing(t => t.AddRpcNetInstrumentation().AddSource("test").SetSampler(new AlwaysOnSampler()).AddInMemoryExporter(spans));
                builder.Services.AddRpcClient<IGreeter>(o => o.Address = back.EndPoint!.ToString());
                builder.Services.AddRpcNet().MapUnary<string, string>(
                    "front/Relay",
                    (name, context, token) => context.Services!.GetRequiredService<IGreeter>().GreetAsync(name, token));
            },
            new RpcTestHostOptions { Network = _network },
            TestContext.Current.CancellationToken);
        using var source = new ActivitySource("test");
        var relay = new RpcUnaryMethod<string, string>("front", "Relay", RpcMarshaller.Value<string>(), RpcMarshaller.Value<string>());
        ActivityTraceId trace;
        using (var root = source.StartActivity("root")!)
        {
            trace = root.TraceId;
            Assert.Equal("Hello you", await front.Channel.InvokeUnaryAsync(relay, "you", null, TestContext.Current.CancellationToken));
        }

        Activity[] mine = [];
        await Eventually.TrueAsync(
            () =>
            {
                lock (spans)
                {
                    mine = [.. spans.ToArray().Where(s => s.TraceId == trace)];
                    return mine.Length == 5;
                }
            },
            "five spans of one trace are exported");
        var chain = new List<Activity> { mine.Single(static s => s.DisplayName == "root") };
        while (mine.SingleOrDefault(s => s.ParentSpanId == chain[^1].SpanId) is { } next)
        {
            chain.Add(next);
        }

        Assert.Equal(
            [("root", ActivityKind.Internal), ("front/Relay", ActivityKind.Client), ("front/Relay", ActivityKind.Server), ("test.v1.Greeter/Greet", ActivityKind.Client), ("test.v1.Greeter/Greet", ActivityKind.Server)],
            chain.Select(static s => (s.DisplayName, s.Kind)));
        var client = chain[3].TagObjects.ToDictionary();
        Assert.Equal(
            new Dictionary<string, object?>
            {
                ["rpc.system.name"] = "rpcnet", ["rpc.method"] = "test.v1.Greeter/Greet", ["rpc.response.status_code"] = "OK",
                ["server.address"] = back.EndPoint!.Address.ToString(), ["server.port"] = back.EndPoint.Port,
            },
            client);
        Assert.Equal(
            new Dictionary<string, object?> { ["rpc.system.name"] = "rpcnet", ["rpc.method"] = "test.v1.Greeter/Greet", ["rpc.response.status_code"] = "OK" },
            chain[4].TagObjects.ToDictionary());
    }

    [Fact(Timeout = 60_000)]
    public async Task OpenTelemetry_Collects_WhatRpcNetMeasures()
    {
        var metrics = new List<Metric>();
        await using var host = await RpcTestHost.StartAsync(
            builder =>
            {
                builder.Services.AddOpenTelemetry().WithMetrics(m => m.AddRpcNetInstrumentation().AddInMemoryExporter(metrics));
                builder.Services.AddRpcNet().Map("a/b", static (bytes, _) => new(bytes.ToArray())).AddCluster();
            },
            new RpcTestHostOptions { Network = _network },
            TestContext.Current.CancellationToken);
        var method = new RpcUnaryMethod<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>("a", "b", RpcMarshaller.Raw, RpcMarshaller.Raw);
        await host.Channel.InvokeUnaryAsync(method, new byte[] { 1 }, null, TestContext.Current.CancellationToken);
        Assert.True(host.Services.GetRequiredService<MeterProvider>().ForceFlush());
        string[] expected = ["rpc.client.call.duration", "rpc.server.call.duration", "rpcnet.server.connections", "rpcnet.server.lanes", "rpcnet.cluster.members"];
        Assert.Subset(metrics.Select(static m => m.Name).ToHashSet(), expected.ToHashSet());
    }

    private Task<RpcTestHost> StartDirectorAsync() => RpcTestHost.StartAsync(
        builder =>
        {
            builder.Services.AddRpcNet().AddCluster(static o => o.Tags["role"] = "director");
            builder.Services.AddRpcClient<IGreeter>(static o => o.Cluster.Tags = "role=worker");
        },
        new RpcTestHostOptions { Network = _network },
        TestContext.Current.CancellationToken);

    private Task<RpcTestHost> StartWorkerAsync(RpcTestHost director) => RpcTestHost.StartAsync(
        builder =>
        {
            builder.Services.AddScoped<CallScope>();
            builder.Services.AddRpcNet().AddService<IGreeter, Greeter>().AddCluster(static o => o.Tags["role"] = "worker");
        },
        new RpcTestHostOptions { Network = _network, Settings = { ["RpcNet:Cluster:Seeds:0"] = director.EndPoint!.ToString() } },
        TestContext.Current.CancellationToken);

    private static async Task<IGreeter> ReadyGreeterAsync(RpcTestHost director)
    {
        var registry = director.Services.GetRequiredService<WorkerRegistry>();
        await Eventually.TrueAsync(() => registry.Workers is [{ State: WorkerState.Ready }], "the worker is in the registry");
        return director.Services.GetRequiredService<IGreeter>();
    }
}
