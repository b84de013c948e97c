using System.Globalization;
using RpcNet.Testing.VirtualTime;

namespace RpcNet.Testing;

public sealed partial class RpcTestCluster
{
    /// <summary>
    /// Lets that much time pass, timer by timer; each has its full effect before the next fires. Returns when nothing is in flight.
    /// </summary>
    /// <param name="time">The virtual time; zero waits until nothing is in flight.</param>
    /// <param name="cancellationToken">Stops the clock where it is.</param>
    /// <exception cref="TimeoutException">The cluster did not come to rest within <see cref="RpcTestClusterOptions.Patience"/>.</exception>
    public Task AdvanceAsync(TimeSpan time, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero);
        Join();
        return _pump.AdvanceAsync(time, until: null, cancellationToken);
    }

    /// <summary>Lets time pass until a condition holds, which is asked whenever nothing is in flight.</summary>
    /// <param name="condition">The condition; asked on one thread, while nothing of the cluster runs.</param>
    /// <param name="limit">The most virtual time that passes.</param>
    /// <param name="cancellationToken">Stops the clock where it is.</param>
    /// <returns>The virtual time that passed.</returns>
    /// <exception cref="TimeoutException">The condition did not hold within the limit, or the cluster did not come to rest.</exception>
    public Task<TimeSpan> AdvanceUntilAsync(Func<bool> condition, TimeSpan limit, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(condition);
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, TimeSpan.Zero);
        Join();
        return AdvanceAsync(condition, "The condition did not hold", limit, cancellationToken);
    }

    /// <summary>Lets time pass until a task is done, and throws what it threw.</summary>
    /// <param name="task">A task of the cluster's: a call, or what <see cref="RunAsync(Func{Task})"/> returned.</param>
    /// <param name="limit">The most virtual time that passes.</param>
    /// <param name="cancellationToken">Stops the clock where it is.</param>
    /// <returns>The virtual time that passed.</returns>
    /// <exception cref="TimeoutException">The task was not done within the limit, or the cluster did not come to rest.</exception>
    public Task<TimeSpan> AdvanceUntilAsync(Task task, TimeSpan limit, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, TimeSpan.Zero);
        Join();
        return AdvanceUntilDoneAsync(task, limit, cancellationToken);
    }

    private async Task<TimeSpan> AdvanceUntilDoneAsync(Task task, TimeSpan limit, CancellationToken cancellationToken)
    {
        var passed = await AdvanceAsync(() => task.IsCompleted, "The task was not done", limit, cancellationToken).ConfigureAwait(false);
        await task.ConfigureAwait(false);
        return passed;
    }

    private async Task<TimeSpan> AdvanceAsync(Func<bool> condition, string failure, TimeSpan limit, CancellationToken cancellationToken)
    {
        var began = Time.GetTimestamp();
        if (!await _pump.AdvanceAsync(limit, condition, cancellationToken).ConfigureAwait(false))
        {
            throw new TimeoutException(string.Create(
                CultureInfo.InvariantCulture, $"{failure} within {limit.TotalSeconds:0.###} s of virtual time."));
        }

        return Time.GetElapsedTime(began);
    }
}
