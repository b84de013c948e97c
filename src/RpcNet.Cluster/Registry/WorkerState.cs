namespace RpcNet.Cluster;

/// <summary>Whether a worker is chosen for calls, as the local node sees it.</summary>
public enum WorkerState
{
    /// <summary>Takes calls.</summary>
    Ready,

    /// <summary>Not ready yet by its own word: the tag "starting", or its load report. Gets no calls.</summary>
    Starting,

    /// <summary>Accused of being dead. Gets calls only while fewer than half of the workers are unsuspected.</summary>
    Suspect,

    /// <summary>Going away by its own word: the tag "draining", or its load report. Gets no new calls.</summary>
    Draining,

    /// <summary>
    /// Taken out for a while, since its calls failed or took far longer than those of the others. Gets calls only when no other
    /// worker is left.
    /// </summary>
    Ejected,

    /// <summary>Left or failed: no worker any more.</summary>
    Gone,
}
