using RpcNet;

namespace RpcNet.Interop.Tests;

/// <summary>What the client in another language calls.</summary>
[RpcService("interop.v1.Probe")]
public interface IInteropProbe
{
    ValueTask<int> AddAsync(int a, int b, CancellationToken cancellationToken = default);

    /// <summary>Says who calls, from the call's metadata, and answers with metadata and trailers.</summary>
    ValueTask<string> GreetAsync(CancellationToken cancellationToken = default);

    ValueTask<byte[]> MirrorAsync(byte[] data, CancellationToken cancellationToken = default);

    ValueTask<byte[]> FillAsync(int count, int value, CancellationToken cancellationToken = default);

    IAsyncEnumerable<int> RangeAsync(int from, int count, CancellationToken cancellationToken = default);

    ValueTask<long> SumAsync(IAsyncEnumerable<int> items, CancellationToken cancellationToken = default);

    IAsyncEnumerable<int> ScaleAsync(int factor, IAsyncEnumerable<int> items, CancellationToken cancellationToken = default);

    ValueTask FailAsync(int status, string message, byte[] details, CancellationToken cancellationToken = default);

    /// <summary>Ends by cancellation alone.</summary>
    ValueTask WaitAsync(CancellationToken cancellationToken = default);

    /// <summary>Yields two items, then ends by cancellation alone.</summary>
    IAsyncEnumerable<int> EndlessAsync(CancellationToken cancellationToken = default);

    /// <summary>How many calls of <see cref="WaitAsync"/> and <see cref="EndlessAsync"/> wait.</summary>
    ValueTask<int> WaitingAsync(CancellationToken cancellationToken = default);

    /// <summary>Begins to drain the server once this call is over.</summary>
    ValueTask<string> BeginDrainAsync(CancellationToken cancellationToken = default);
}
