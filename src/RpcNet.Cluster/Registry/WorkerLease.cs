using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster;

/// <summary>
/// The right to make one call at the worker selected, which counts as in flight there until the lease is disposed. Copies are one
/// lease: the first <see cref="Dispose"/> or <see cref="HandOver"/> ends it, later ones have no effect.
/// </summary>
public readonly struct WorkerLease : IDisposable
{
    private readonly LeaseCell? _cell;
    private readonly int _version;

    internal WorkerLease(Worker worker, LeaseCell cell)
    {
        Worker = worker;
        _cell = cell;
        _version = cell.Version;
    }

    /// <summary>The worker selected; null only in <c>default</c>.</summary>
    public Worker Worker { get; }

    /// <summary>
    /// Tells how the call went, before <see cref="Dispose"/>: this feeds <see cref="LoadBalancingStrategy.PeakEwma"/> and the
    /// detection of outliers. A call whose outcome says nothing of the worker, such as one that its caller cancelled, is not told.
    /// </summary>
    /// <param name="duration">How long it took.</param>
    /// <param name="succeeded">False when the worker is to blame.</param>
    public void Complete(TimeSpan duration, bool succeeded)
    {
        if (_cell is { } cell && cell.Version == _version)
        {
            Worker.Registry.RecordOutcome(Worker, duration, succeeded);
        }
    }

    /// <summary>The call is over.</summary>
    public void Dispose()
    {
        if (_cell is { } cell && cell.TryEnd(_version))
        {
            Worker.Leave();
            LeaseCell.Return(cell);
        }
    }

    /// <summary>
    /// Someone else makes the call: a director that gave the worker's address away. It counts until the worker's next report,
    /// in which the call appears if it runs.
    /// </summary>
    public void HandOver()
    {
        if (_cell is { } cell && cell.TryEnd(_version))
        {
            Worker.HandOver();
            LeaseCell.Return(cell);
        }
    }
}
