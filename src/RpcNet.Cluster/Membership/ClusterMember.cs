using System.Collections.Frozen;
using System.Net;

namespace RpcNet.Cluster;

/// <summary>A member as the local node saw it at one moment. Immutable.</summary>
public sealed record ClusterMember
{
    /// <summary>The tag that holds a node's human-readable name.</summary>
    public const string LabelTag = "label";

    /// <summary>The node's id.</summary>
    public required NodeId Id { get; init; }

    /// <summary>Which life of the node this is; see <see cref="NodeIdentity"/>.</summary>
    public required ulong Generation { get; init; }

    /// <summary>
    /// The version of <see cref="Tags"/> and <see cref="Address"/> within the generation. Only the node itself raises it: to
    /// refute an accusation or to publish new tags.
    /// </summary>
    public required ulong Incarnation { get; init; }

    /// <summary>Where the node serves RPC and gossip: one UDP port for both.</summary>
    public required IPEndPoint Address { get; init; }

    /// <summary>The node's own description of itself; the keys and values compare ordinally.</summary>
    public FrozenDictionary<string, string> Tags { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>What the local node believes of it.</summary>
    public MemberState State { get; init; }

    /// <summary>Whether this is the local node.</summary>
    public bool IsLocal { get; init; }

    /// <summary>Id and generation together.</summary>
    public NodeIdentity Identity => new(Id, Generation);

    /// <summary>The name for people: the tag <see cref="LabelTag"/> if the node has one, otherwise its id.</summary>
    public string Name => Tags.TryGetValue(LabelTag, out var label) ? label : Id.Value;

    /// <summary>The value of a tag, or null when the node has no such tag.</summary>
    public string? GetTag(string key) => Tags.GetValueOrDefault(key);

    /// <summary>Whether the node has the tag with exactly this value.</summary>
    public bool HasTag(string key, string value) =>
        Tags.TryGetValue(key, out var actual) && string.Equals(actual, value, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Identity} at {Address}, {State})";
}
