using System.Threading.Tasks.Sources;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// A reusable awaitable for operations of which one at a time is pending. Continuations run on the thread pool unless the
/// completer says otherwise. The owner decides under its lock who completes; whoever does calls <see cref="SetResult"/> or <see cref="SetException"/> once.
/// </summary>
internal sealed class OperationSource<T> : IValueTaskSource<T>, IValueTaskSource
{
    private ManualResetValueTaskSourceCore<T> _core;
    private CancellationTokenRegistration _registration;

    /// <summary>Starts the next operation and returns its token.</summary>
    public short Arm()
    {
        _core.Reset();
        return _core.Version;
    }

    /// <summary>Has <paramref name="callback"/> called on cancellation, until the awaiter has taken the result.</summary>
    public void Register(Action<object?> callback, object state, CancellationToken cancellationToken)
    {
        if (cancellationToken.CanBeCanceled)
        {
            _registration = cancellationToken.UnsafeRegister(callback, state);
        }
    }

    /// <param name="result">The outcome.</param>
    /// <param name="inline">Whether the awaiter goes on here and now.</param>
    public void SetResult(T result, bool inline = false)
    {
        _core.RunContinuationsAsynchronously = !inline;
        _core.SetResult(result);
    }

    public void SetException(Exception exception)
    {
        _core.RunContinuationsAsynchronously = true;
        _core.SetException(exception);
    }

    public T GetResult(short token)
    {
        _registration.Dispose();
        _registration = default;
        return _core.GetResult(token);
    }

    void IValueTaskSource.GetResult(short token) => GetResult(token);

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
