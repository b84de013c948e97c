using System.Net;

namespace RpcNet.Hosting;

/// <summary>Where this process listens, once it does.</summary>
public interface IRpcNetEndpoint
{
    /// <summary>The address bound; null before the listener is up, after it is closed, and in a process that only calls.</summary>
    IPEndPoint? LocalEndPoint { get; }
}

/// <summary>What the hosted services of one process tell each other.</summary>
internal sealed class RpcNetEndpoint : IRpcNetEndpoint
{
    private readonly TaskCompletionSource<IPEndPoint?> _bound = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _memberStopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile IPEndPoint? _local;

    public IPEndPoint? LocalEndPoint => _local;

    /// <summary>Completes when the listener is up (null: there is none) or has failed.</summary>
    public Task<IPEndPoint?> Listening => _bound.Task;

    /// <summary>Completes when the cluster's part of the stop is done; at once when there is none.</summary>
    public Task MemberStopped => HasMember ? _memberStopped.Task : Task.CompletedTask;

    public bool HasMember { get; set; }

    public void Bound(IPEndPoint endPoint)
    {
        _local = endPoint;
        _bound.TrySetResult(endPoint);
    }

    public void NotListening() => _bound.TrySetResult(null);

    public void Failed(Exception exception)
    {
        _bound.TrySetException(exception);
        _ = _bound.Task.Exception;
    }

    public void Closed() => _local = null;

    public void MemberIsStopped() => _memberStopped.TrySetResult();
}
