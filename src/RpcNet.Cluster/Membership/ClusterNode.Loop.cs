using System.Collections.Frozen;
using System.Net;
using System.Net.Sockets;
using RpcNet.Cluster.Membership;
using RpcNet.Cluster.Swim;

namespace RpcNet.Cluster;

/// <summary>The mailbox: everything that happens reaches the state machine one at a time, in order.</summary>
public sealed partial class ClusterNode
{
    private static readonly TimeSpan SeedWarningInterval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan SeedPatience = TimeSpan.FromSeconds(2);

    private readonly List<string> _seeds;
    private readonly Lock _seedLock = new();
    private Task _resolving = Task.CompletedTask;
    private TimeSpan _seedsSilentSince = TimeSpan.MinValue;
    private TimeSpan _nextSeedWarning = TimeSpan.MinValue;
    private TimeSpan _nextIdleClose;
    private int _waitingMessages;
    private int _pendingInputs;

    private enum InputKind : byte
    {
        Start,
        Tick,
        Message,
        Doubt,
        SeedsResolved,
        HurrySeeds,
        SetTags,
        Leave,
    }

    /// <summary>Inputs not handled yet, messages half read, sends under way, events not taken: none of them means that nothing happens until time passes.</summary>
    internal int Busy => Volatile.Read(ref _pendingInputs) + Volatile.Read(ref _reading) + _connections.Active + _hub.Backlog;

    /// <summary>How much of <see cref="Busy"/> waits for a peer to answer a connect, which a dead one never does.</summary>
    internal int Dialling => _connections.Dialling;

    private void Post(Input input) => TryPost(input);

    private bool TryPost(Input input)
    {
        Interlocked.Increment(ref _pendingInputs);
        if (_mailbox.Writer.TryWrite(input))
        {
            return true;
        }

        Interlocked.Decrement(ref _pendingInputs);
        return false;
    }

    private async Task RunAsync()
    {
        var reader = _mailbox.Reader;
        try
        {
            while (await reader.WaitToReadAsync().ConfigureAwait(true))
            {
                var handled = 0;
                while (reader.TryRead(out var input))
                {
                    handled++;
                    try
                    {
                        lock (_machineLock)
                        {
                            Apply(_machine!, input);
                        }

                        PublishChanges();
                        input.Done?.TrySetResult();
                    }
                    catch (Exception e)
                    {
                        input.Done?.TrySetException(e);
                        throw;
                    }
                }

                Arm();
                Interlocked.Add(ref _pendingInputs, -handled);
            }
        }
        catch (Exception e)
        {
            Fail(e);
        }

        while (reader.TryRead(out var rest))
        {
            rest.Done?.TrySetException(new ObjectDisposedException(nameof(ClusterNode)));
        }
    }

    /// <summary>A defect: without its loop the node would look alive here and dead to all others, so it stops answering for good.</summary>
    private void Fail(Exception e)
    {
        ClusterLog.LoopFailed(_logger, e);
        _mailbox.Writer.TryComplete(e);
        EndWaits(e);
    }

    private void EndWaits(Exception reason)
    {
        _left.TrySetResult(false);
        _seedAnswered.TrySetException(reason);
        _ = _seedAnswered.Task.Exception;
    }

    private void Apply(SwimMachine machine, in Input input)
    {
        var now = Now;
        switch (input.Kind)
        {
            case InputKind.Start:
                machine.Start(now);
                break;
            case InputKind.Message:
                Interlocked.Decrement(ref _waitingMessages);
                machine.Receive(now, input.Message!);
                break;
            case InputKind.Doubt:
                machine.Doubt(now, input.Address!);
                break;
            case InputKind.SeedsResolved:
                machine.SeedsResolved(now, input.Addresses!);
                WarnOfSilentSeeds(now, machine, input.Addresses!, input.IsIncomplete);
                break;
            case InputKind.HurrySeeds:
                machine.HurrySeeds(now);
                break;
            case InputKind.SetTags:
                machine.SetTags(now, input.Tags!);
                break;
            case InputKind.Leave:
                machine.Leave(now);
                break;
        }

        if (machine.NextWakeup <= now)
        {
            machine.Tick(now);
        }

        if (now >= _nextIdleClose)
        {
            _nextIdleClose = now + TimeSpan.FromSeconds(1);
            _connections.CloseIdle(machine.LiveCount);
        }
    }

    private void Arm()
    {
        TimeSpan next;
        lock (_machineLock)
        {
            next = _machine!.NextWakeup;
        }

        if (next == TimeSpan.MaxValue || _stop.IsCancellationRequested)
        {
            return;
        }

        var due = Ceiling(next - Now);
        if (_thread is not null)
        {
            _thread.WakeIn(due);
        }
        else
        {
            _timer!.Change(due, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Timers count whole milliseconds and cut the rest; waking before the time would only mean waking twice.</summary>
    private static TimeSpan Ceiling(TimeSpan due) =>
        due > TimeSpan.Zero ? TimeSpan.FromMilliseconds(Math.Ceiling(due.TotalMilliseconds)) : TimeSpan.Zero;

    private void ReportLoss(IPEndPoint address) => Post(new Input(InputKind.Doubt) { Address = address });

    private void AddSeed(string seed)
    {
        lock (_seedLock)
        {
            if (!_seeds.Contains(seed, StringComparer.Ordinal))
            {
                _seeds.Add(seed);
            }
        }
    }

    private string[] Seeds()
    {
        lock (_seedLock)
        {
            return [.. _seeds];
        }
    }

    private async Task ResolveSeedsAsync(string[] seeds)
    {
        try
        {
            var addresses = await Task.WhenAll(seeds.Select(ResolveSeedAsync)).ConfigureAwait(false);
            Post(new Input(InputKind.SeedsResolved)
            {
                Addresses = [.. addresses.SelectMany(static a => a ?? [])],
                IsIncomplete = addresses.Contains(null),
            });
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The end.
        }
    }

    /// <returns>Null when the name has no address at present.</returns>
    private async Task<IEnumerable<IPEndPoint>?> ResolveSeedAsync(string seed)
    {
        if (ClusterOptions.ParseEndPoint(seed) is not DnsEndPoint name)
        {
            return ClusterOptions.ParseEndPoint(seed) is IPEndPoint ip ? [ip] : [];
        }

        try
        {
            var addresses = await Resolve(name.Host, _stop.Token).ConfigureAwait(false);
            return addresses.Select(a => new IPEndPoint(a, name.Port));
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            ClusterLog.SeedUnresolved(_logger, seed, e.Message);
            return null;
        }
    }

    private void WarnOfSilentSeeds(TimeSpan now, SwimMachine machine, List<IPEndPoint> addresses, bool isIncomplete)
    {
        var others = isIncomplete || addresses.Exists(a => !a.Equals(machine.Local.Address));
        if (!others)
        {
            // Nobody to wait for: this node is the first one, or is joined by others.
            _seedAnswered.TrySetResult();
            return;
        }

        if (machine.LiveCount > 1)
        {
            _seedsSilentSince = TimeSpan.MinValue;
            return;
        }

        if (_seedsSilentSince == TimeSpan.MinValue)
        {
            _seedsSilentSince = now;
        }

        if (now - _seedsSilentSince >= SeedPatience && now >= _nextSeedWarning)
        {
            _nextSeedWarning = now + SeedWarningInterval;
            ClusterLog.SeedsSilent(_logger, string.Join(", ", Seeds()));
        }
    }

    /// <summary>One thing that happened.</summary>
    private readonly struct Input(InputKind kind)
    {
        public InputKind Kind { get; } = kind;

        public SwimMessage? Message { get; init; }

        public IPEndPoint? Address { get; init; }

        public List<IPEndPoint>? Addresses { get; init; }

        /// <summary>Whether the name of a seed had no address.</summary>
        public bool IsIncomplete { get; init; }

        public FrozenDictionary<string, string>? Tags { get; init; }

        public TaskCompletionSource? Done { get; init; }
    }
}
