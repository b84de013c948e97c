using PolyType;

namespace RpcNet.Core.Tests.Support;

[GenerateShape]
public partial record Payload(byte[] Data, string? Note = null);

[GenerateShape]
public partial record Borrower(ReadOnlyMemory<byte> Data);

[RpcService("tests.v1.Probe")]
public interface IProbe
{
    ValueTask<int> AddAsync(int a, int b, CancellationToken cancellationToken = default);

    ValueTask<string> EchoAsync(string text, CancellationToken cancellationToken = default);

    ValueTask<int> CountCallsAsync(CancellationToken cancellationToken = default);

    ValueTask TouchAsync(CancellationToken cancellationToken = default);

    /// <summary>Completes when the test says so.</summary>
    ValueTask<int> WaitAsync(int id, CancellationToken cancellationToken = default);

    ValueTask<Payload> ResizeAsync(Payload payload, int size, CancellationToken cancellationToken = default);

    ValueTask<Borrower> BorrowAsync(Borrower value, CancellationToken cancellationToken = default);

    ValueTask FailAsync(int status, string message, byte[] details, CancellationToken cancellationToken = default);

    ValueTask ThrowAsync(string message, CancellationToken cancellationToken = default);

    IAsyncEnumerable<int> RangeAsync(int from, int count, CancellationToken cancellationToken = default);

    /// <summary>Yields until it is cancelled.</summary>
    IAsyncEnumerable<Payload> FloodAsync(int size, CancellationToken cancellationToken = default);

    /// <summary>Yields so many items, then fails.</summary>
    IAsyncEnumerable<int> BreakAsync(int after, CancellationToken cancellationToken = default);

    ValueTask<long> SumAsync(IAsyncEnumerable<int> items, CancellationToken cancellationToken = default);

    /// <summary>Answers after so many items without reading the others.</summary>
    ValueTask<int> TakeAsync(int count, IAsyncEnumerable<int> items, CancellationToken cancellationToken = default);

    IAsyncEnumerable<int> ScaleAsync(int factor, IAsyncEnumerable<int> items, CancellationToken cancellationToken = default);

    IAsyncEnumerable<string> MirrorAsync(IAsyncEnumerable<string> items, CancellationToken cancellationToken = default);
}
