namespace RpcNet.Cluster;

/// <summary>How a process that is no member follows a director.</summary>
public sealed class DirectorClientOptions
{
    /// <summary>The directors, as "host:port"; the next one is asked when one does not answer.</summary>
    /// <value>At least one.</value>
    public IList<string> Directors { get; set; } = [];

    /// <summary>How many workers the director names at most; each client of many gets another subset.</summary>
    /// <value>1 … 10,000; default 100.</value>
    public int MaxWorkers { get; set; } = 100;

    /// <summary>The longest pause between two attempts to reach a director; the first is 100 ms, then doubling, with jitter.</summary>
    /// <value>100 ms … 10 min; default 2 s.</value>
    public TimeSpan MaxRetryDelay { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How the calls are made.</summary>
    public ClusterClientOptions Calls { get; set; } = new();

    /// <summary>How workers are chosen; the filter and the load watches do not apply, since the director does both.</summary>
    public WorkerRegistryOptions Workers { get; set; } = new();

    /// <summary>What is wrong with the values, one sentence each, for the configuration section <paramref name="section"/>.</summary>
    public IEnumerable<string> Validate(string section = "RpcNet:Cluster:Director")
    {
        if (Directors.Count == 0)
        {
            yield return $"{section}:Directors is empty; it must name a director as \"host:port\".";
        }

        foreach (var director in Directors)
        {
            if (!DirectorClient.TryParseEndPoint(director, out _))
            {
                yield return $"{section}:Directors holds '{director}'; it must be of the form \"host:port\", such as \"127.0.0.1:61000\" or \"[::1]:61000\".";
            }
        }

        if (MaxWorkers is < 1 or > 10_000)
        {
            yield return $"{section}:MaxWorkers is {MaxWorkers}; it must be from 1 to 10000.";
        }

        if (MaxRetryDelay < TimeSpan.FromMilliseconds(100) || MaxRetryDelay > TimeSpan.FromMinutes(10))
        {
            yield return $"{section}:MaxRetryDelay is {MaxRetryDelay:c}; it must be from 00:00:00.1000000 to 00:10:00.";
        }

        foreach (var complaint in Calls.Validate($"{section}:Calls").Concat(Workers.Validate($"{section}:Workers")))
        {
            yield return complaint;
        }
    }
}
