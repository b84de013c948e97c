using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.ExceptionServices;

namespace RpcNet.Testing.VirtualTime;

/// <summary>
/// The thread that owns a test cluster's time: it moves the clock, fires timers one by one, and before each step waits until
/// nothing is in flight.
/// </summary>
internal sealed class Pump : IDisposable
{
    private readonly WorkTracker _tracker = new();
    private readonly BlockingCollection<Command> _commands = [];
    private readonly TimeSpan _patience;
    private readonly Thread _thread;
    private int _disposed;
    private int _dueNow;
    private ExceptionDispatchInfo? _failure;

    public Pump(DateTimeOffset start, TimeSpan patience)
    {
        Clock = new VirtualClock(start);
        _patience = patience;
        _thread = new Thread(Run) { IsBackground = true, Name = "RpcTestCluster clock" };
        _thread.UnsafeStart();
    }

    public VirtualClock Clock { get; }

    public WorkTracker Tracker => _tracker;

    /// <summary>A clock for one node.</summary>
    public NodeClock CreateClock() => new(this);

    /// <summary>Waits until nothing is in flight, does something as part of the work, and waits again.</summary>
    public Task DoAsync(Action action) => Enqueue(new Command(action, Limit: 0, Until: null, CancellationToken.None));

    /// <summary>Moves the clock on by that time, or until the condition holds, which is asked whenever nothing is in flight.</summary>
    /// <returns>Whether the condition held; true without one.</returns>
    public Task<bool> AdvanceAsync(TimeSpan time, Func<bool>? until, CancellationToken cancellationToken) =>
        Enqueue(new Command(Action: null, time.Ticks, until, cancellationToken));

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _commands.CompleteAdding();
            _thread.Join();
            _commands.Dispose();
        }
    }

    private Task<bool> Enqueue(Command command)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, typeof(RpcTestCluster));
        _commands.Add(command);
        return command.Done.Task;
    }

    /// <summary>Lets timers fire that are due now, whether or not somebody advances the clock.</summary>
    public void FireDueNow()
    {
        if (Interlocked.Exchange(ref _dueNow, 1) == 0 && _disposed == 0)
        {
            try
            {
                _commands.Add(new Command(Action: null, Limit: 0, Until: null, CancellationToken.None) { IsOwn = true });
            }
            catch (InvalidOperationException)
            {
                // The cluster ends; what is due stays undone.
            }
        }
    }

    private void Run()
    {
        ExceptionDispatchInfo? unsupported = null;
        try
        {
            PoolEvents.Verify();
        }
        catch (PlatformNotSupportedException e)
        {
            unsupported = ExceptionDispatchInfo.Capture(e);
        }

        foreach (var command in _commands.GetConsumingEnumerable())
        {
            try
            {
                unsupported?.Throw();
                if (!command.IsOwn)
                {
                    Interlocked.Exchange(ref _failure, null)?.Throw();
                }

                command.Done.SetResult(Execute(command));
            }
            catch (OperationCanceledException e) when (e.CancellationToken == command.Cancellation)
            {
                command.Done.SetCanceled(e.CancellationToken);
            }
            catch (Exception e) when (command.IsOwn)
            {
                // Nobody waits for this one: whoever comes next is told.
                _failure = ExceptionDispatchInfo.Capture(e);
            }
            catch (Exception e)
            {
                command.Done.SetException(e);
            }
        }
    }

    private bool Execute(Command command)
    {
        WaitForIdle(command.Cancellation);
        if (command.Action is { } action)
        {
            using (_tracker.Enter())
            {
                action();
            }

            WaitForIdle(command.Cancellation);
        }

        var limit = Clock.Now + command.Limit;
        while (!Holds(command))
        {
            Interlocked.Exchange(ref _dueNow, 0);
            if (Clock.MoveToNext(limit) is not { } timer)
            {
                Clock.MoveTo(limit);
                return command.Until is null;
            }

            using (_tracker.Enter())
            {
                timer.Fire();
            }

            WaitForIdle(command.Cancellation);
        }

        return true;
    }

    private bool Holds(Command command)
    {
        if (command.Until is null)
        {
            return false;
        }

        bool holds;
        using (_tracker.Enter())
        {
            holds = command.Until();
        }

        WaitForIdle(command.Cancellation);
        return holds;
    }

    private void WaitForIdle(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!_tracker.WaitForIdle(_patience))
        {
            throw new TimeoutException(string.Create(
                CultureInfo.InvariantCulture,
                $"The cluster did not come to rest within {_patience.TotalSeconds:0} s of real time: {_tracker.Describe()}. Does a service wait "
                + $"for the system's clock or block a thread, or does the test block on a task of the cluster instead of awaiting it?"));
        }
    }

    private sealed record Command(Action? Action, long Limit, Func<bool>? Until, CancellationToken Cancellation)
    {
        public bool IsOwn { get; init; }

        public TaskCompletionSource<bool> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
