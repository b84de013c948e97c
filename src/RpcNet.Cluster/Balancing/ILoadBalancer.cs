namespace RpcNet.Cluster;

/// <summary>Chooses a worker. Each tag expression in use has an instance of its own.</summary>
public interface ILoadBalancer
{
    /// <summary>Chooses one of <paramref name="candidates"/>.</summary>
    /// <remarks>
    /// Called concurrently, on the path of every call: it takes no lock and allocates nothing. What it derives from the
    /// candidates it may keep until it is handed another set.
    /// </remarks>
    /// <param name="candidates">At least one worker; all of them may take the call.</param>
    /// <param name="request">What is known of the call.</param>
    /// <returns>An index into <paramref name="candidates"/>.</returns>
    int Select(WorkerSet candidates, in SelectionRequest request);
}

/// <summary>What a strategy knows of the call that needs a worker.</summary>
/// <param name="AffinityKey">Calls of one key should meet one worker; null where it does not matter.</param>
public readonly record struct SelectionRequest(string? AffinityKey);
