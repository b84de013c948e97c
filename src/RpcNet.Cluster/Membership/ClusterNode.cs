using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RpcNet.Cluster.Membership;
using RpcNet.Cluster.Swim;
using RpcNet.Transports;

namespace RpcNet.Cluster;

/// <summary>One process's part in the cluster: drives the membership protocol over a transport.</summary>
/// <remarks>
/// Life cycle: construct; bind the process's listener; <see cref="StartAsync"/> with its address; hand every inbound connection of
/// ALPN <see cref="ClusterProtocol.Alpn"/> to <see cref="HandleConnectionAsync"/>; <see cref="LeaveAsync"/>;
/// <see cref="DisposeAsync"/> before the listener is disposed. All members may be called concurrently. Disposal without a leave looks
/// like a crash to the others.
/// </remarks>
public sealed partial class ClusterNode : IClusterMembership, IAsyncDisposable
{
    private readonly ClusterOptions _options;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly ILogger _logger;
    private readonly NodeId _id;
    private readonly uint _clusterHash;
    private readonly long _epoch;
    private readonly EventHub _hub;
    private readonly GossipConnections _connections;
    private readonly Channel<Input> _mailbox = Channel.CreateUnbounded<Input>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _seedAnswered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<bool> _left = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lifeLock = new();
    private readonly Lock _machineLock = new();

    private volatile ClusterMember _local;
    private FrozenDictionary<string, string> _tags;
    private SwimMachine? _machine;
    private readonly GossipThread? _thread;
    private ITimer? _timer;
    private Task _loop = Task.CompletedTask;
    private Task? _disposal;
    private volatile bool _hasQuorum = true;

    /// <summary>Creates the node. Nothing runs before <see cref="StartAsync"/>.</summary>
    /// <param name="options">Read once. A null NodeId makes a random one.</param>
    /// <param name="transport">Makes the outgoing gossip connections.</param>
    /// <param name="connectOptions">
    /// Gives the options for a connection to a peer: TLS identity and validation, idle timeout,
    /// <see cref="ClusterProtocol.Alpn"/> as the only ALPN, and inbound unidirectional streams, since peers answer over the
    /// connection on which they were asked.
    /// </param>
    /// <param name="timeProvider">The clock; null takes the system's.</param>
    /// <param name="random">A source that nobody else uses; null makes one with a random seed.</param>
    /// <param name="loggerFactory">Null logs nothing.</param>
    /// <exception cref="ArgumentException">The options are invalid; the message lists each key and what it accepts.</exception>
    public ClusterNode(
        ClusterOptions options,
        ITransport transport,
        Func<EndPoint, TransportConnectOptions> connectOptions,
        TimeProvider? timeProvider = null,
        Random? random = null,
        ILoggerFactory? loggerFactory = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(transport);
        ArgumentNullException.ThrowIfNull(connectOptions);
        options.ThrowIfInvalid();
        _options = options;
        _time = timeProvider ?? TimeProvider.System;
        _random = random ?? new Random(Guid.NewGuid().GetHashCode());
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger("RpcNet.Cluster");
        _id = new NodeId(options.NodeId ?? string.Create(CultureInfo.InvariantCulture, $"node-{_random.NextInt64():x}"));
        _clusterHash = SwimMachine.ClusterHash(options.ClusterName);
        _epoch = _time.GetTimestamp();
        _hub = new EventHub(options.EventBufferSize, _time);
        if (transport.CompletesOnCallersContext && _time == TimeProvider.System)
        {
            _thread = new GossipThread($"gossip {_id}", _time, () => Post(new Input(InputKind.Tick)), Fail);
        }

        _connections = new GossipConnections(transport, connectOptions, options.Connections, _time, _logger, RunApart, ReadMessagesAsync, ReportLoss);
        _tags = options.Tags.ToFrozenDictionary(StringComparer.Ordinal);
        _seeds = [.. options.Seeds];
        _local = new ClusterMember
        {
            Id = _id,
            Generation = 0,
            Incarnation = 0,
            Address = new IPEndPoint(IPAddress.Any, 0),
            Tags = _tags,
            IsLocal = true,
        };
    }

    /// <inheritdoc/>
    public ClusterMember Local => _local;

    /// <inheritdoc/>
    public ImmutableArray<ClusterMember> Members => _hub.Members;

    /// <summary>Completes when the node is disposed; faults when its loop has failed, a defect after which it takes part no more.</summary>
    public Task Completion => _mailbox.Reader.Completion;

    /// <inheritdoc/>
    public bool HasQuorum => _hasQuorum;

    /// <summary>How the names of seeds become addresses.</summary>
    internal Func<string, CancellationToken, Task<IPAddress[]>> Resolve { get; init; } = Dns.GetHostAddressesAsync;

    private TimeSpan Now => _time.GetElapsedTime(_epoch);

    /// <summary>Starts to take part. Returns at once; the seeds are tried in the background, for ever.</summary>
    /// <param name="listening">
    /// Where the process's listener is bound. Other nodes are told <see cref="ClusterOptions.AdvertiseAddress"/>, or this address
    /// when that is null.
    /// </param>
    /// <param name="generation">
    /// A number above all that were used with this node id; null takes the present time in milliseconds. Peers that remember a
    /// higher one make the node step above it.
    /// </param>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <exception cref="ArgumentException">
    /// <paramref name="listening"/> is a wildcard address and <see cref="ClusterOptions.AdvertiseAddress"/> is not set.
    /// </exception>
    /// <exception cref="InvalidOperationException">The node was started before.</exception>
    public ValueTask StartAsync(IPEndPoint listening, ulong? generation = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(listening);
        cancellationToken.ThrowIfCancellationRequested();
        var address = AddressToAdvertise(listening);
        lock (_lifeLock)
        {
            ObjectDisposedException.ThrowIf(_disposal is not null, this);
            if (_machine is not null)
            {
                throw new InvalidOperationException("The cluster node was started before.");
            }

            var identity = new NodeIdentity(_id, generation ?? (ulong)_time.GetUtcNow().ToUnixTimeMilliseconds());
            _machine = new SwimMachine(_options, identity, address, _tags, _random, this);
            ClusterLog.Started(_logger, _id, identity.Generation, _options.ClusterName, address);
            RefreshView();
            if (_thread is null)
            {
                _timer = _time.CreateTimer(static state => ((ClusterNode)state!).Post(new Input(InputKind.Tick)), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            }

            MembershipMetrics.Add(this);
            Post(new Input(InputKind.Start));
            _loop = RunApart(RunAsync);
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ImmutableArray<ClusterMember> MembersWithTags(Func<ClusterMember, bool> filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        return [.. Members.Where(filter)];
    }

    /// <inheritdoc/>
    public ImmutableArray<ClusterMember> MembersWithTags(params ReadOnlySpan<KeyValuePair<string, string>> tags)
    {
        var matching = ImmutableArray.CreateBuilder<ClusterMember>();
        foreach (var member in Members)
        {
            var matches = true;
            foreach (var (key, value) in tags)
            {
                matches &= member.HasTag(key, value);
            }

            if (matches)
            {
                matching.Add(member);
            }
        }

        return matching.ToImmutable();
    }

    /// <inheritdoc/>
    public ClusterMember? Find(NodeId id)
    {
        var members = Members;
        var (low, high) = (0, members.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var order = members[middle].Id.CompareTo(id);
            if (order == 0)
            {
                return members[middle];
            }

            (low, high) = order < 0 ? (middle + 1, high) : (low, middle - 1);
        }

        return null;
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<ClusterEvent> SubscribeAsync(CancellationToken cancellationToken = default) =>
        _hub.SubscribeAsync(cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ImmutableArray<ClusterMember>> WaitForAsync(
        Func<ImmutableArray<ClusterMember>, bool> condition,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(condition);
        return _hub.WaitForAsync(condition, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask UpdateTagsAsync(IReadOnlyDictionary<string, string> tags, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(tags);
        return ChangeTags(_ => tags, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask SetTagAsync(string key, string? value, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        return ChangeTags(
            old =>
            {
                var tags = new Dictionary<string, string>(old, StringComparer.Ordinal);
                if (value is null)
                {
                    tags.Remove(key);
                }
                else
                {
                    tags[key] = value;
                }

                return tags;
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public double? GetPhi(NodeId id)
    {
        lock (_machineLock)
        {
            return _machine?.Phi(Now, id);
        }
    }

    /// <inheritdoc/>
    public async ValueTask JoinAsync(IEnumerable<string> seeds, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(seeds);
        foreach (var seed in seeds)
        {
            if (ClusterOptions.ParseEndPoint(seed) is null)
            {
                throw new FormatException($"The seed '{seed}' is not of the form \"host:port\".");
            }

            AddSeed(seed);
        }

        ObjectDisposedException.ThrowIf(!TryPost(new Input(InputKind.HurrySeeds)), this);
        await _seedAnswered.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask LeaveAsync(CancellationToken cancellationToken = default)
    {
        lock (_lifeLock)
        {
            if (_machine is null || _disposal is not null)
            {
                return;
            }
        }

        Post(new Input(InputKind.Leave));
        using var deadline = new Deadline(_options.LeaveTimeout, _time, cancellationToken);
        try
        {
            if (await _left.Task.WaitAsync(deadline.Token).ConfigureAwait(false))
            {
                ClusterLog.LeftCluster(_logger, _options.ClusterName);
            }
            else
            {
                ClusterLog.LeaveTimedOut(_logger);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            ClusterLog.LeaveTimedOut(_logger);
        }
    }

    /// <summary>Stops at once. The others see this node fail unless it has left before.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_lifeLock)
        {
            _disposal ??= DisposeAsyncCore();
            return new ValueTask(_disposal);
        }
    }

    private async Task DisposeAsyncCore()
    {
        // The caller holds the lock until the first await.
        await Task.Yield();
        MembershipMetrics.Remove(this);
        _mailbox.Writer.TryComplete();
        try
        {
            await _stop.CancelAsync().ConfigureAwait(false);
            await _loop.ConfigureAwait(false);
            if (_timer is not null)
            {
                await _timer.DisposeAsync().ConfigureAwait(false);
            }

            await _resolving.ConfigureAwait(false);
            await _connections.CloseAsync().ConfigureAwait(false);
        }
        finally
        {
            _hub.Close();
            EndWaits(new ObjectDisposedException(nameof(ClusterNode)));
            _thread?.Stop();
            _stop.Dispose();
        }
    }

    /// <summary>Runs this on the gossip's own thread where there is one; where the engine needs the pool, that thread would gain nothing.</summary>
    private Task RunApart(Func<Task> action) => _thread is null ? Task.Run(action) : _thread.RunAsync(action);

    private IPEndPoint AddressToAdvertise(IPEndPoint listening)
    {
        if (_options.AdvertiseAddress is { } text)
        {
            var address = (IPEndPoint)ClusterOptions.ParseEndPoint(text)!;
            return address.Port == 0 ? new IPEndPoint(address.Address, listening.Port) : address;
        }

        if (listening.Address.Equals(IPAddress.Any) || listening.Address.Equals(IPAddress.IPv6Any))
        {
            throw new ArgumentException(
                $"The listener is bound to all addresses ({listening}), so the others cannot be told where to reach this node: " +
                $"set {ClusterOptions.SectionName}:AdvertiseAddress to \"ip:port\" (port 0 takes the listener's).",
                nameof(listening));
        }

        return listening;
    }

    private async ValueTask ChangeTags(
        Func<IReadOnlyDictionary<string, string>, IReadOnlyDictionary<string, string>> change,
        CancellationToken cancellationToken)
    {
        Task done;
        lock (_lifeLock)
        {
            ObjectDisposedException.ThrowIf(_disposal is not null, this);
            var tags = change(_tags).ToFrozenDictionary(StringComparer.Ordinal);
            var size = SwimCodec.MeasureTags(tags);
            if (size > _options.MaxTagBytes)
            {
                throw new ArgumentException(
                    $"The tags take {size} bytes on the wire and may take {ClusterOptions.SectionName}:MaxTagBytes = {_options.MaxTagBytes}.",
                    nameof(change));
            }

            _tags = tags;
            if (_machine is null)
            {
                _local = _local with { Tags = tags };
                return;
            }

            var input = new Input(InputKind.SetTags) { Tags = tags, Done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) };
            done = input.Done.Task;
            ObjectDisposedException.ThrowIf(!TryPost(input), this);
        }

        await done.WaitAsync(cancellationToken).ConfigureAwait(false);
    }
}
