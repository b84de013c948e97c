namespace RpcNet.Cluster;

/// <summary>The connections to workers. Configuration section <c>RpcNet:Cluster:Pool</c>.</summary>
public sealed class WorkerChannelPoolOptions
{
    /// <summary>The most workers connected at a time; the one unused for longest gives way, and when all are in use, the call fails.</summary>
    /// <value>1 … 100,000; default 1,024.</value>
    public int MaxChannels { get; set; } = 1024;

    /// <summary>Connections to each worker, over which its calls are spread. Takes effect where the host makes the channels.</summary>
    /// <value>1 … 64; default 1.</value>
    public int Connections { get; set; } = 1;

    /// <summary>Workers that come are connected to before the first call while no more than this many are connected.</summary>
    /// <value>0 … 100,000; default 64.</value>
    public int WarmChannels { get; set; } = 64;

    /// <summary>A connection that nobody used for this long is closed; the next call opens it again.</summary>
    /// <value>1 s … 1 day; default 5 min.</value>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long the calls in flight at a worker that left may take until its connection is closed.</summary>
    /// <value>0 … 1 h; default 30 s.</value>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>What is wrong with the values, one sentence each, for the configuration section <paramref name="section"/>.</summary>
    public IEnumerable<string> Validate(string section = "RpcNet:Cluster:Pool")
    {
        if (MaxChannels is < 1 or > 100_000)
        {
            yield return $"{section}:MaxChannels is {MaxChannels}; it must be from 1 to 100000.";
        }

        if (Connections is < 1 or > 64)
        {
            yield return $"{section}:Connections is {Connections}; it must be from 1 to 64.";
        }

        if (WarmChannels is < 0 or > 100_000)
        {
            yield return $"{section}:WarmChannels is {WarmChannels}; it must be from 0 to 100000.";
        }

        if (IdleTimeout < TimeSpan.FromSeconds(1) || IdleTimeout > TimeSpan.FromDays(1))
        {
            yield return $"{section}:IdleTimeout is {IdleTimeout:c}; it must be from 00:00:01 to 1.00:00:00.";
        }

        if (DrainTimeout < TimeSpan.Zero || DrainTimeout > TimeSpan.FromHours(1))
        {
            yield return $"{section}:DrainTimeout is {DrainTimeout:c}; it must be from 00:00:00 to 01:00:00.";
        }
    }
}
