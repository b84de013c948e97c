using RpcNet.LoadTest.Coordination;
using RpcNet.LoadTest.Measuring;

namespace RpcNet.LoadTest.Systems;

/// <summary>The client's side of a system: one connection, and the loops that put work on it.</summary>
/// <remarks>
/// Each loop is one worker and runs until the workload stops. The loops are written out for each system: a delegate or
/// wrapper around a call would add allocations that are not the system's.
/// </remarks>
internal abstract class LoadClient : IAsyncDisposable
{
    public abstract Task ConnectAsync();

    /// <summary>Echoes the payload, call after call.</summary>
    public abstract Task CallAsync(byte[] payload, int worker, Workload workload);

    /// <summary>Reads messages of the server.</summary>
    public virtual Task ReceiveAsync(int payloadBytes, long bytesPerSecond, int worker, Workload workload) => throw new NotSupportedException();

    /// <summary>Sends messages to the server.</summary>
    public virtual Task SendAsync(byte[] payload, int worker, Workload workload) => throw new NotSupportedException();

    /// <summary>Sends messages and reads their echoes.</summary>
    public virtual Task ExchangeAsync(byte[] payload, int worker, Workload workload) => throw new NotSupportedException();

    /// <summary>Makes one more connection and a call on it, so that it is certainly established.</summary>
    public virtual Task<IAsyncDisposable> OpenAnotherAsync(byte[] payload) => throw new NotSupportedException();

    public abstract ValueTask DisposeAsync();

    protected static void Check(int length, int expected)
    {
        if (length != expected)
        {
            throw new InvalidDataException($"The echo has {length} bytes instead of {expected}.");
        }
    }
}
