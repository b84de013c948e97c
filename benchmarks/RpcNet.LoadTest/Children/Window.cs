using System.Diagnostics;
using RpcNet.LoadTest.Coordination;
using RpcNet.LoadTest.Measuring;
using RpcNet.LoadTest.Systems;

namespace RpcNet.LoadTest.Children;

/// <summary>One window: load for a while, readings at both ends of the measured part, then the workers' end.</summary>
internal static class Window
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(20);

    /// <summary>Runs the window on the calling thread.</summary>
    /// <param name="client">The system, connected.</param>
    /// <param name="order">The work.</param>
    /// <param name="boundary">Told when the measured part begins and when it ends.</param>
    /// <exception cref="TimeoutException">Workers did not end after the window.</exception>
    public static WindowResult Run(LoadClient client, WorkOrder order, Action<string> boundary)
    {
        var work = new Workload(order.Kind == WorkKind.UnaryBesideStream ? 1 : order.Concurrency);
        var stream = order.Kind == WorkKind.UnaryBesideStream ? new Workload(1) : work;
        var workers = Start(client, order, work, stream);
        Thread.Sleep(TimeSpan.FromSeconds(order.RampSeconds));

        var items = stream.Items;
        var before = ProcessReading.Take();
        var started = Stopwatch.GetTimestamp();
        work.StartRecording();
        boundary(LineProtocol.Begin);
        Thread.Sleep(TimeSpan.FromSeconds(order.Seconds));
        work.StopRecording();
        var elapsed = Stopwatch.GetElapsedTime(started);
        var after = ProcessReading.Take();
        items = stream.Items - items;
        boundary(LineProtocol.Measured);

        work.Stop();
        stream.Stop();
        if (!Task.WhenAll(workers).Wait(StopTimeout))
        {
            throw new TimeoutException($"{workers.Count(static w => !w.IsCompleted)} of {workers.Length} workers did not end.");
        }

        return new WindowResult
        {
            Seconds = elapsed.TotalSeconds,
            Calls = work.Calls,
            Items = items,
            P50Us = work.Percentile(0.5),
            P99Us = work.Percentile(0.99),
            P999Us = work.Percentile(0.999),
            Errors = work.Errors + (ReferenceEquals(work, stream) ? 0 : stream.Errors),
            FirstError = work.FirstError ?? stream.FirstError,
            Before = before,
            After = after,
        };
    }

    private static Task[] Start(LoadClient client, WorkOrder order, Workload work, Workload stream)
    {
        var payload = new byte[order.PayloadBytes];
        Random.Shared.NextBytes(payload);
        return order.Kind switch
        {
            WorkKind.Unary => StartWorkers(worker => client.CallAsync(payload, worker, work), work),
            WorkKind.Receive => StartWorkers(worker => client.ReceiveAsync(order.PayloadBytes, order.StreamBytesPerSecond, worker, work), work),
            WorkKind.Send => StartWorkers(worker => client.SendAsync(payload, worker, work), work),
            WorkKind.Exchange => StartWorkers(worker => client.ExchangeAsync(payload, worker, work), work),
            WorkKind.Connect => StartWorkers(_ => ConnectAsync(client, payload, work), work),
            WorkKind.UnaryBesideStream =>
            [
                .. StartWorkers(worker => client.ReceiveAsync(Scenario.BulkMessageBytes, order.StreamBytesPerSecond, worker, stream), stream),
                .. StartWorkers(worker => client.CallAsync(payload, worker, work), work),
            ],
            _ => throw new NotSupportedException($"{order.Kind} is no work of a window."),
        };
    }

    private static Task[] StartWorkers(Func<int, Task> run, Workload workload) =>
        [.. Enumerable.Range(0, workload.Workers).Select(worker => Task.Run(async () =>
        {
            try
            {
                await run(worker);
            }
            catch (Exception e)
            {
                workload.Failed(e);
            }
        }))];

    private static async Task ConnectAsync(LoadClient client, byte[] payload, Workload workload)
    {
        while (!workload.Stopped)
        {
            var started = Stopwatch.GetTimestamp();
            try
            {
                await using (await client.OpenAnotherAsync(payload))
                {
                    workload.Completed(started);
                }
            }
            catch (Exception e)
            {
                workload.Failed(e);
            }
        }
    }
}
