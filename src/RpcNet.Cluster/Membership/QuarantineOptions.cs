namespace RpcNet.Cluster;

/// <summary>
/// The quarantine of members that flap, or that most of their monitors keep finding unreachable although they refute. Needs at
/// least four live members. Configuration
/// section <c>RpcNet:Cluster:Quarantine</c>.
/// </summary>
public sealed class QuarantineOptions
{
    /// <summary>Whether members can be quarantined. Needs <see cref="PhiOptions.Enabled"/>.</summary>
    /// <value>Default true.</value>
    public bool Enabled { get; set; } = true;

    /// <summary>The share of a member's monitors whose complaint takes it out.</summary>
    /// <value>0.5 … 1; default 0.6.</value>
    public double Quorum { get; set; } = 0.6;

    /// <summary>The window over which a monitor judges how much of a member's heartbeats arrives.</summary>
    /// <value>5 s … 10 min; default 30 s.</value>
    public TimeSpan Window { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>A monitor complains when less than this share of the heartbeats of the window arrived.</summary>
    /// <value>0 … 1; default 0.6.</value>
    public double MinHeartbeatShare { get; set; } = 0.6;

    /// <summary>
    /// How long a failed member's heartbeats must reach one of its monitors without a gap before it is re-admitted; doubled with
    /// each further failure. A restart, a pause that the member noticed itself, and the end of a partition need no probation.
    /// </summary>
    /// <value>1 s … 1 day; default 30 s.</value>
    public TimeSpan Probation { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The longest probation; a member without a failure for twice this long starts anew.</summary>
    /// <value>1 s … 30 days and at least <see cref="Probation"/>; default 30 min.</value>
    public TimeSpan MaxProbation { get; set; } = TimeSpan.FromMinutes(30);
}
