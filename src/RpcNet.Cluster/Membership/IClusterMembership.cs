using System.Collections.Immutable;

namespace RpcNet.Cluster;

/// <summary>The local node's view of its cluster, and its own part in it.</summary>
/// <remarks>All members may be called concurrently and at any time, also before the join and after the leave.</remarks>
public interface IClusterMembership
{
    /// <summary>The local node as it presents itself.</summary>
    ClusterMember Local { get; }

    /// <summary>
    /// All members that are alive or suspect, the local one included, in order of id. An immutable snapshot: reading takes no
    /// lock, and the same array is returned until something changes.
    /// </summary>
    ImmutableArray<ClusterMember> Members { get; }

    /// <summary>
    /// Whether this side may act for the cluster by the configured quorum rule; false while a detected partition leaves this
    /// side in the minority. An application turns read-only on it.
    /// </summary>
    bool HasQuorum { get; }

    /// <summary>The members that <paramref name="filter"/> accepts, in order of id.</summary>
    ImmutableArray<ClusterMember> MembersWithTags(Func<ClusterMember, bool> filter);

    /// <summary>The members that have all of these tags with exactly these values, in order of id.</summary>
    ImmutableArray<ClusterMember> MembersWithTags(params ReadOnlySpan<KeyValuePair<string, string>> tags);

    /// <summary>The member with this id, or null when there is none that is alive or suspect.</summary>
    ClusterMember? Find(NodeId id);

    /// <summary>
    /// Subscribes. The first event is a <see cref="ClusterSnapshot"/>; nothing is missed between it and the second. The buffer
    /// holds <see cref="ClusterOptions.EventBufferSize"/> events; when a slow reader lets it overflow, it receives
    /// <see cref="EventsDropped"/> and a new snapshot. The sequence ends when the node is disposed.
    /// </summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    IAsyncEnumerable<ClusterEvent> SubscribeAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Completes with the first view that satisfies <paramref name="condition"/>, the present one included. The condition is
    /// called once for each change and must be quick.
    /// </summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The node was disposed first.</exception>
    ValueTask<ImmutableArray<ClusterMember>> WaitForAsync(
        Func<ImmutableArray<ClusterMember>, bool> condition,
        CancellationToken cancellationToken = default);

    /// <summary>Replaces the local node's tags and publishes them under a new incarnation.</summary>
    /// <exception cref="ArgumentException">
    /// The tags take more than <see cref="ClusterOptions.MaxTagBytes"/> on the wire; the message says how many.
    /// </exception>
    ValueTask UpdateTagsAsync(IReadOnlyDictionary<string, string> tags, CancellationToken cancellationToken = default);

    /// <summary>Sets one tag of the local node, or removes it when <paramref name="value"/> is null.</summary>
    /// <exception cref="ArgumentException">As for <see cref="UpdateTagsAsync"/>.</exception>
    ValueTask SetTagAsync(string key, string? value, CancellationToken cancellationToken = default);

    /// <summary>
    /// Adds seeds ("host:port") to the configured ones and completes when one of all the seeds has answered. Seeds are retried
    /// for ever with back-off, their names resolved anew each time; cancelling ends the wait alone.
    /// </summary>
    /// <exception cref="FormatException">A seed is not of the form "host:port".</exception>
    /// <exception cref="ObjectDisposedException">The node is disposed, or its loop has failed; a wait under way ends with the failure.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask JoinAsync(IEnumerable<string> seeds, CancellationToken cancellationToken = default);

    /// <summary>
    /// Says good-bye and completes when the news has been handed to enough peers to spread by itself, or after
    /// <see cref="ClusterOptions.LeaveTimeout"/>. Idempotent. The node keeps its last view but takes no more part.
    /// </summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask LeaveAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// The present φ of a member (0: just heard; 1: 10 % chance that it is alive and late; 8: 10⁻⁸), or null when the local node
    /// does not monitor it or has too few heartbeats yet.
    /// </summary>
    double? GetPhi(NodeId id);
}
