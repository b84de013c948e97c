using System.Collections.Frozen;
using System.Net;
using RpcNet.Cluster.Membership;
using RpcNet.Cluster.Swim;

namespace RpcNet.Cluster;

/// <summary>The mailbox: everything that happens reaches the state machine one at a time, in order.</summary>
public sealed partial class ClusterNode
{
    private static readonly TimeSpan SeedWarningInterval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan SeedPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan SeedLookupTimeout = TimeSpan.FromSeconds(10);

    private readonly List<string> _seeds;
    private readonly Lock _seedLock = new();
    private Task _resolving = Task.CompletedTask;
    private TimeSpan _seedsSilentSince = TimeSpan.MinValue;
    private TimeSpan _nextSeedWarning = TimeSpan.MinValue;
    private TimeSpan _nextIdleClose;
    private int _waitingMessages;

    private enum InputKind : byte
    {
        Start,
        Tick,
        Message,
        Doubt,
        SeedsResolved,
        SeedsAsked,
        HurrySeeds,
        SetTags,
        Leave,
    }

    private void Post(Input input) => TryPost(input);

    private bool TryPost(Input input) => _mailbox.Writer.TryWrite(input);

    private async Task RunAsync()
    {
        var reader = _mailbox.Reader;
        try
        {
            while (await reader.WaitToReadAsync().ConfigureAwait(true))
            {
                while (reader.TryRead(out var input))
                {
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
                break;
            case InputKind.SeedsAsked:
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
            // Each is asked as soon as it has an address: the name servers of others may be slow.
            var all = new List<IPEndPoint>();
            var isIncomplete = false;
            await foreach (var lookup in Task.WhenEach(seeds.Select(ResolveSeedAsync)).ConfigureAwait(false))
            {
                if (await lookup.ConfigureAwait(false) is { } addresses)
                {
                    all.AddRange(addresses);
                    Post(new Input(InputKind.SeedsResolved) { Addresses = addresses });
                }
                else
                {
                    isIncomplete = true;
                }
            }

            Post(new Input(InputKind.SeedsAsked) { Addresses = all, IsIncomplete = isIncomplete });
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The end.
        }
    }

    /// <returns>Null when the name has no address at present.</returns>
    private async Task<List<IPEndPoint>?> ResolveSeedAsync(string seed)
    {
        if (ClusterOptions.ParseEndPoint(seed) is not DnsEndPoint name)
        {
            return ClusterOptions.ParseEndPoint(seed) is IPEndPoint ip ? [ip] : [];
        }

        using var timeout = new Deadline(SeedLookupTimeout, _time, _stop.Token);
        try
        {
            var addresses = await Resolve(name.Host, timeout.Token).ConfigureAwait(false);
            return [.. addresses.Select(a => new IPEndPoint(a, name.Port))];
        }
        catch (Exception e) when (e is not OperationCanceledException || !_stop.IsCancellationRequested)
        {
            ClusterLog.SeedUnresolved(_logger, seed, e is OperationCanceledException ? $"no answer within {SeedLookupTimeout}" : e.Message);
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
