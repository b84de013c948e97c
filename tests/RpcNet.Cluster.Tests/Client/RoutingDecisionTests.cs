using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace RpcNet.Cluster.Tests.Client;

/// <summary>Each decision reaches whoever listens: as an event, as a number and as a log message.</summary>
[Collection("Routing and who listens to it")]
public sealed class RoutingDecisionTests : IDisposable
{
    private readonly ConcurrentQueue<RoutingDecision> _decisions = new();
    private readonly ConcurrentDictionary<string, long> _counts = new();
    private readonly MeterListener _listener = new();
    private readonly LogRecorder _log = new();

    public RoutingDecisionTests()
    {
        _listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == "RpcNet.Cluster.Routing")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => _counts.AddOrUpdate(instrument.Name, value, (_, sum) => sum + value));
        _listener.Start();
    }

    [Fact]
    public async Task Success_IsSelected()
    {
        await using var workers = await StartAsync(2);

        await workers.ReadAsync();

        Assert.Equal([RoutingDecisionKind.Selected], Kinds());
        AssertCounted("rpcnet.worker.selections");
        Assert.Contains(_log.Lines, static l => l.Id == 4039);
    }

    [Fact]
    public async Task NotReached_IsFailedOver()
    {
        await using var workers = await StartAsync(2);
        var lost = false;
        workers.Answer = (worker, _, _, _) => Interlocked.Exchange(ref lost, true) ? new(worker) : throw FakeWorkers.Lost(mayHaveExecuted: false);

        await workers.WriteAsync();

        Assert.Equal([RoutingDecisionKind.Selected, RoutingDecisionKind.FailedOver, RoutingDecisionKind.Selected], Kinds());
        Assert.Equal("tests.Fake/Write", _decisions.ElementAt(1).Method);
        AssertCounted("rpcnet.client.failovers");
        Assert.Contains(_log.Lines, static l => l.Id == 4040);
    }

    [Fact]
    public async Task LostInTheMiddle_IsRetriedUntilTheBudgetRefuses()
    {
        await using var workers = await StartAsync(3, client: static o => o.RetryReserve = 1);
        workers.Answer = static (_, _, _, _) => throw FakeWorkers.Lost(mayHaveExecuted: true);

        await Assert.ThrowsAsync<RpcFaultException>(async () => await workers.ReadAsync());

        Assert.Equal(
            [RoutingDecisionKind.Selected, RoutingDecisionKind.Retried, RoutingDecisionKind.Selected, RoutingDecisionKind.RetryRefused], Kinds());
        AssertCounted("rpcnet.client.retries");
        AssertCounted("rpcnet.client.retries_refused");
        Assert.Contains(_log.Lines, static l => l.Id == 4041);
        Assert.Contains(_log.Lines, static l => l.Id == 4042);
    }

    [Fact]
    public async Task Slow_IsHedged()
    {
        var release = new TaskCompletionSource();
        var calls = 0;
        await using var workers = await StartAsync(2, client: static o => o.HedgingDelay = TimeSpan.FromMilliseconds(1));
        workers.Answer = async (worker, _, _, token) =>
        {
            if (Interlocked.Increment(ref calls) == 1)
            {
                await release.Task.WaitAsync(token);
            }

            return worker;
        };

        await workers.ReadAsync();

        Assert.Equal([RoutingDecisionKind.Selected, RoutingDecisionKind.Selected, RoutingDecisionKind.Hedged], Kinds());
        AssertCounted("rpcnet.client.hedges");
        Assert.Contains(_log.Lines, static l => l.Id == 4043);
    }

    [Fact]
    public async Task Failures_AreEjected()
    {
        await using var workers = await StartAsync(3, o => o.Outliers.ConsecutiveFailures = 2);
        workers.Answer = static (worker, _, _, _) =>
            worker == "w0000" ? throw new RpcFaultException(RpcStatusCode.Internal, "broken") : new(worker);

        for (var i = 0; i < 6; i++)
        {
            try
            {
                await workers.WriteAsync();
            }
            catch (RpcFaultException)
            {
                // The worker's answer reaches the caller.
            }
        }

        var ejected = Assert.Single(_decisions, static d => d.Kind == RoutingDecisionKind.Ejected);
        Assert.Equal("w0000", ejected.Worker!.Id.Value);
        Assert.Contains("2 calls in a row failed", ejected.Reason, StringComparison.Ordinal);
        AssertCounted("rpcnet.worker.ejections");
        Assert.Contains(_log.Lines, static l => l.Id == 4002 && l.Text.Contains("Ejected", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Full_IsShed()
    {
        await using var workers = await StartAsync(1, o => o.MaxCallsPerWorker = 1);
        using var lease = workers.Registry.Select();

        var fault = await Assert.ThrowsAsync<RpcFaultException>(async () => await workers.WriteAsync());

        Assert.Equal((RpcStatusCode.ResourceExhausted, false), (fault.Status, fault.MayHaveExecuted));
        Assert.Equal([RoutingDecisionKind.Selected, RoutingDecisionKind.Shed], Kinds());
        AssertCounted("rpcnet.client.shed");
        Assert.Contains(_log.Lines, static l => l.Id == 4011);
    }

    public void Dispose() => _listener.Dispose();

    private IEnumerable<RoutingDecisionKind> Kinds() => _decisions.Select(static d => d.Kind);

    /// <summary>Other tests of the process count too.</summary>
    private void AssertCounted(string name) => Assert.InRange(_counts.GetValueOrDefault(name), 1, long.MaxValue);

    private async Task<FakeWorkers> StartAsync(
        int count, Action<WorkerRegistryOptions>? registry = null, Action<ClusterClientOptions>? client = null)
    {
        var workers = await FakeWorkers.StartAsync(count, registry: registry, client: client, loggers: _log);
        workers.Registry.DecisionMade += (_, decision) => _decisions.Enqueue(decision);
        return workers;
    }
}
