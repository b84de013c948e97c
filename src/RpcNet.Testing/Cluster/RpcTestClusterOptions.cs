using RpcNet.Testing.InMemory;

namespace RpcNet.Testing;

/// <summary>What an <see cref="RpcTestCluster"/> is made of.</summary>
public sealed class RpcTestClusterOptions
{
    /// <summary>The seed of the network's jitter and losses.</summary>
    /// <value>Default 1.</value>
    public int Seed { get; init; } = 1;

    /// <summary>How messages travel between the nodes.</summary>
    /// <value>Default <see cref="LinkConditions.Perfect"/>: without delay or loss.</value>
    public LinkConditions Links { get; init; } = LinkConditions.Perfect;

    /// <summary>The virtual time at which the cluster begins.</summary>
    /// <value>Default: the system's time.</value>
    public DateTimeOffset? StartTime { get; init; }

    /// <summary>
    /// The real time after which a cluster that does not come to rest fails the test: a service blocks a thread, or waits for
    /// something that is not of the cluster's time.
    /// </summary>
    /// <value>Default 60 s.</value>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);
}
