using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;
using RpcNet.Cluster.Tests.Registry;

namespace RpcNet.Cluster.Tests.Client;

public class ClusterClientTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Unary_NotExecuted_GoesToEveryWorkerOnceAndTakesNoBudget()
    {
        await using var workers = await FakeWorkers.StartAsync(
            8, static (worker, _, _, _) => worker == "w0005" ? new(worker) : throw FakeWorkers.Lost(mayHaveExecuted: false), client: o => o.RetryReserve = 0);

        for (var i = 0; i < 20; i++)
        {
            workers.Calls.Clear();
            Assert.Equal("w0005", await workers.WriteAsync());
            Assert.Equal(workers.Calls.Count, workers.Calls.Distinct().Count());
        }

        workers.AssertNothingInFlight();
    }

    [Fact]
    public async Task Unary_MayHaveExecuted_IsRetriedOnlyWhenIdempotent()
    {
        var failures = 0;
        await using var workers = await FakeWorkers.StartAsync(
            3, (worker, _, _, _) => Interlocked.Increment(ref failures) % 2 == 1 ? throw FakeWorkers.Lost(mayHaveExecuted: true) : new(worker));

        Assert.StartsWith("w", await workers.ReadAsync(), StringComparison.Ordinal);
        Assert.Equal(2, workers.Calls.Count);

        var error = await Assert.ThrowsAsync<RpcFaultException>(async () => await workers.WriteAsync());
        Assert.True(error.MayHaveExecuted);
        Assert.Equal(3, workers.Calls.Count);
        workers.AssertNothingInFlight();
    }

    [Fact]
    public async Task Unary_AllFail_SaysWhereAndThatItMayHaveRun()
    {
        var first = true;
        await using var workers = await FakeWorkers.StartAsync(2, (_, _, _, _) =>
        {
            var lost = FakeWorkers.Lost(mayHaveExecuted: first);
            first = false;
            throw lost;
        });

        var error = await Assert.ThrowsAsync<RpcFaultException>(async () => await workers.ReadAsync());

        Assert.Equal(RpcStatusCode.Unavailable, error.Status);
        Assert.True(error.MayHaveExecuted);
        Assert.Contains("w0000", error.Message, StringComparison.Ordinal);
        Assert.Contains("w0001", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(RpcStatusCode.InvalidArgument)]
    [InlineData(RpcStatusCode.Internal)]
    [InlineData(RpcStatusCode.ResourceExhausted)]
    public async Task Unary_AnswerOfTheHandler_IsNotRetried(RpcStatusCode status)
    {
        await using var workers = await FakeWorkers.StartAsync(3, (_, _, _, _) => throw new RpcFaultException(status, "so there"));

        var error = await Assert.ThrowsAsync<RpcFaultException>(async () => await workers.ReadAsync());

        Assert.Equal(("so there", status), (error.Message, error.Status));
        Assert.Single(workers.Calls);
    }

    [Fact]
    public async Task Unary_RefusedByALimit_IsRetriedWithinTheBudget()
    {
        await using var workers = await FakeWorkers.StartAsync(
            10,
            (_, _, _, _) => throw new RpcFaultException(RpcStatusCode.ResourceExhausted, "full") { MayHaveExecuted = false },
            o => o.Outliers.Enabled = false);

        for (var i = 0; i < 1000; i++)
        {
            await Assert.ThrowsAsync<RpcFaultException>(async () => await workers.WriteAsync());
        }

        Assert.InRange(workers.Calls.Count, 1190, 1200);
    }

    [Fact]
    public async Task Unary_HalfOfTheWorkersBreakCalls_AmplificationStaysWithinTheBudget()
    {
        await using var workers = await FakeWorkers.StartAsync(
            10,
            static (worker, _, _, _) => worker[^1] % 2 == 0 ? throw FakeWorkers.Lost(mayHaveExecuted: true) : new(worker),
            static o => o.Outliers.Enabled = false);
        const int Count = 20_000;
        var failed = 0;

        await Parallel.ForAsync(0, Count, Token, async (_, _) =>
        {
            try
            {
                await workers.ReadAsync();
            }
            catch (RpcFaultException)
            {
                Interlocked.Increment(ref failed);
            }
        });

        Assert.InRange(workers.Calls.Count, Count * 1.15, Count * 1.2);
        Assert.InRange(failed, 1, Count / 2);
        workers.AssertNothingInFlight();
    }

    [Fact]
    public async Task Unary_HalfOfTheWorkersBreakCallsAndOutliersAreEjected_NearlyAllCallsSucceed()
    {
        await using var workers = await FakeWorkers.StartAsync(
            10, static (worker, _, _, _) => worker[^1] % 2 == 0 ? throw FakeWorkers.Lost(mayHaveExecuted: true) : new(worker));
        const int Count = 5_000;
        var failed = 0;

        for (var i = 0; i < Count; i++)
        {
            try
            {
                await workers.ReadAsync();
            }
            catch (RpcFaultException)
            {
                failed++;
            }
        }

        Assert.InRange(workers.Calls.Count, Count, Count * 1.2);
        Assert.InRange(failed, 0, 50);
        Assert.Equal(5, workers.Registry.Workers.Count(w => w.State == WorkerState.Ejected));
    }

    [Fact]
    public async Task Unary_100000CancelledFailedAndTimedOut_EveryCountIsZero()
    {
        await using var workers = await FakeWorkers.StartAsync(
            7,
            static async (worker, _, request, token) =>
            {
                switch (request % 5)
                {
                    case 0:
                        throw FakeWorkers.Lost(mayHaveExecuted: request % 2 == 0);
                    case 1:
                        throw new RpcFaultException(RpcStatusCode.Internal, "broken");
                    case 2 or 3:
                        await Task.Delay(Timeout.Infinite, token);
                        return worker;
                    default:
                        await Task.Yield();
                        return worker;
                }
            },
            static o => (o.Strategy, o.Outliers.ConsecutiveFailures) = (LoadBalancingStrategy.LeastConnections, 50),
            static o => o.HedgingDelay = TimeSpan.FromMilliseconds(1));
        var outcomes = new ConcurrentDictionary<string, int>();

        await Parallel.ForAsync(0, 100_000, new ParallelOptions { MaxDegreeOfParallelism = 200, CancellationToken = Token }, async (i, _) =>
        {
            using var cancellation = i % 5 == 2 ? new CancellationTokenSource(TimeSpan.FromMilliseconds(1)) : new CancellationTokenSource();
            var options = i % 5 == 3 ? new RpcCallOptions { Timeout = TimeSpan.FromMilliseconds(1) } : null;
            string outcome;
            try
            {
                await (i % 3 == 0 ? workers.ReadAsync(i, options, cancellation.Token) : workers.WriteAsync(i, options, cancellation.Token));
                outcome = "ok";
            }
            catch (OperationCanceledException e) when (e.CancellationToken == cancellation.Token)
            {
                outcome = "cancelled";
            }
            catch (RpcFaultException e)
            {
                outcome = e.Status.ToString();
            }

            outcomes.AddOrUpdate(outcome, 1, static (_, n) => n + 1);
        });

        workers.AssertNothingInFlight();
        Assert.All(["ok", "cancelled", "DeadlineExceeded", "Internal", "Unavailable"], o => Assert.InRange(outcomes.GetValueOrDefault(o), 1000, 99_000));
        Assert.Equal(100_000, outcomes.Values.Sum());
    }

    [Fact]
    public async Task Hedging_FirstHangs_SecondWinsAndTheFirstIsCancelled()
    {
        var cancelled = new TaskCompletionSource();
        var hung = 0;
        await using var workers = await FakeWorkers.StartAsync(
            3,
            async (worker, _, _, token) =>
            {
                if (Interlocked.Exchange(ref hung, 1) == 0)
                {
                    await using var registration = token.Register(() => cancelled.TrySetResult());
                    await Task.Delay(Timeout.Infinite, token);
                }

                return worker;
            },
            client: static o => o.HedgingDelay = TimeSpan.FromMilliseconds(5));

        var answer = await workers.ReadAsync();

        Assert.Equal(2, workers.Calls.Count);
        Assert.Equal(workers.Calls.Last(), answer);
        await cancelled.Task.WaitAsync(TimeSpan.FromSeconds(20), Token);
        workers.AssertNothingInFlight();
    }

    [Fact]
    public async Task Hedging_NotIdempotent_NeverHappens()
    {
        await using var workers = await FakeWorkers.StartAsync(
            3,
            static async (worker, _, _, token) =>
            {
                await Task.Delay(50, token);
                return worker;
            },
            client: static o => o.HedgingDelay = TimeSpan.FromMilliseconds(1));

        await workers.WriteAsync();

        Assert.Single(workers.Calls);
    }

    [Fact]
    public async Task Hedging_EveryCallIsSlow_StaysWithinTheBudget()
    {
        await using var workers = await FakeWorkers.StartAsync(
            5,
            static async (worker, _, _, token) =>
            {
                await Task.Delay(10, token);
                return worker;
            },
            static o => o.Outliers.Enabled = false,
            static o => o.HedgingDelay = TimeSpan.FromMilliseconds(1));
        const int Count = 2000;

        await Parallel.ForAsync(
            0, Count, new ParallelOptions { MaxDegreeOfParallelism = 100, CancellationToken = Token }, async (_, _) => await workers.ReadAsync());

        Assert.InRange(workers.Calls.Count, Count * 1.1, Count * 1.2);
        workers.AssertNothingInFlight();
    }

    [Fact]
    public async Task Deadline_SeveralTries_IsOneForAll()
    {
        var time = new FakeTimeProvider();
        await using var workers = await FakeWorkers.StartAsync(
            10,
            (_, _, _, _) =>
            {
                time.Advance(TimeSpan.FromSeconds(1));
                throw FakeWorkers.Lost(mayHaveExecuted: false);
            },
            time: time);

        var error = await Assert.ThrowsAsync<RpcFaultException>(
            async () => await workers.WriteAsync(options: new RpcCallOptions { Timeout = TimeSpan.FromSeconds(3.5) }));

        Assert.Equal(4, workers.Calls.Count);
        Assert.Equal(TimeSpan.FromSeconds(0.5), workers.LastOptions?.Timeout);
        Assert.Contains(error.Status, new[] { RpcStatusCode.DeadlineExceeded, RpcStatusCode.Unavailable });
    }

    [Fact]
    public async Task WaitForReady_NoWorkerYet_WaitsForOne()
    {
        await using var workers = await FakeWorkers.StartAsync(0);
        var call = workers.WriteAsync(options: new RpcCallOptions { WaitForReady = true, Timeout = TimeSpan.FromSeconds(20) }).AsTask();
        var impatient = await Assert.ThrowsAsync<RpcFaultException>(async () => await workers.WriteAsync());
        Assert.Equal((RpcStatusCode.Unavailable, false), (impatient.Status, impatient.MayHaveExecuted));

        workers.Membership.JoinMany(1);

        Assert.Equal("w0000", await call);
        Assert.False(workers.LastOptions?.WaitForReady);
    }

    [Fact]
    public async Task Stream_FailsBeforeTheFirstItem_MovesOn()
    {
        await using var workers = await FakeWorkers.StartAsync(
            3, static (worker, _, _, _) => worker == "w0001" ? new(worker) : throw FakeWorkers.Lost(mayHaveExecuted: true));

        var items = new List<string>();
        await foreach (var item in workers.Client.InvokeStreaming(FakeWorkers.Stream, 3, input: null, options: null, Token))
        {
            items.Add(item);
            Assert.Equal(1, workers.Registry.Workers[1].InFlight);
        }

        Assert.Equal(["w0001", "w0001", "w0001"], items);
        workers.AssertNothingInFlight();
    }

    [Fact]
    public async Task Stream_BreaksInTheMiddle_SaysAfterHowManyItems()
    {
        await using var workers = await FakeWorkers.StartAsync(
            3, static (worker, _, i, _) => i < 2 ? new(worker) : throw FakeWorkers.Lost(mayHaveExecuted: true));

        var error = await Assert.ThrowsAsync<RpcFaultException>(async () =>
        {
            await foreach (var _ in workers.Client.InvokeStreaming(FakeWorkers.Stream, 5, input: null, options: null, Token))
            {
            }
        });

        Assert.Contains("broke after 2 items", error.Message, StringComparison.Ordinal);
        Assert.Single(workers.Calls);
        workers.AssertNothingInFlight();
    }

    [Fact]
    public async Task Upload_InputReadBeforeTheFailure_IsNotSentAgain()
    {
        await using var workers = await FakeWorkers.StartAsync(2, static (_, _, _, _) => throw FakeWorkers.Lost(mayHaveExecuted: true));

        await Assert.ThrowsAsync<RpcFaultException>(
            async () => await workers.Client.InvokeClientStreamingAsync(FakeWorkers.Upload, 1, new[] { 1, 2 }.ToAsyncEnumerable(), null, Token));
        Assert.Single(workers.Calls);

        workers.Answer = static (worker, _, _, _) => new(worker);
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal("w0001", await workers.Client.InvokeClientStreamingAsync(
                FakeWorkers.Upload, 0, new[] { 1, 2 }.ToAsyncEnumerable(), null, Token));
        }

        workers.AssertNothingInFlight();
    }

    [Fact]
    public async Task CallAll_SomeFail_GivesEveryOutcome()
    {
        await using var workers = await FakeWorkers.StartAsync(
            4, static (worker, _, _, _) => worker == "w0002" ? throw new RpcFaultException(RpcStatusCode.Internal, "broken") : new(worker));

        var outcomes = await workers.Client.CallAllAsync(FakeWorkers.Read, 1, cancellationToken: Token);

        Assert.Equal(["w0000", "w0001", "w0002", "w0003"], outcomes.Select(o => o.Worker.Id.Value));
        Assert.Equal([true, true, false, true], outcomes.Select(o => o.Succeeded));
        Assert.Equal("w0003", outcomes[3].Result);
        Assert.Equal("broken", outcomes[2].Fault?.Message);
        workers.AssertNothingInFlight();
    }

    [Fact]
    public async Task CallAsync_ByName_ReachesAWorkerAndRefusesMalformedNames()
    {
        await using var workers = await FakeWorkers.StartAsync(1);

        Assert.Equal("w0000", await workers.Client.CallAsync<int, string>("some.Service/Method", 1, cancellationToken: Token));
        await Assert.ThrowsAsync<ArgumentException>(async () => await workers.Client.CallAsync<int, string>("nameless", 1, cancellationToken: Token));
    }
}
