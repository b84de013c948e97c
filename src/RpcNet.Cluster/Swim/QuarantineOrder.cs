namespace RpcNet.Cluster.Swim;

/// <summary>A quarantine: how long no refutation re-admits a member.</summary>
/// <param name="Number">
/// Counts the quarantines of one life of a member, from 1; 0 is none. An order that is not newer than the last one known is no
/// news, so that late copies do not prolong a quarantine or begin it again.
/// </param>
/// <param name="Remaining">How long from now on.</param>
internal readonly record struct QuarantineOrder(uint Number, TimeSpan Remaining);
