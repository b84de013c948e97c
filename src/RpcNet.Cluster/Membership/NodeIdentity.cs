namespace RpcNet.Cluster;

/// <summary>One life of a node: its id and the generation, which grows with every restart.</summary>
/// <param name="Id">The node's id, the same across restarts.</param>
/// <param name="Generation">
/// A number above that of every earlier life of this id; by default the start time in milliseconds since 1970, raised above
/// whatever the peers remember.
/// </param>
public readonly record struct NodeIdentity(NodeId Id, ulong Generation)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Id}#{Generation}";
}
