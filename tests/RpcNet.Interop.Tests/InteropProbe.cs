using System.Runtime.CompilerServices;

namespace RpcNet.Interop.Tests;

internal sealed class InteropProbe(Action beginDrain) : IInteropProbe
{
    private readonly RpcContextAccessor _accessor = new();
    private int _waiting;

    public ValueTask<int> AddAsync(int a, int b, CancellationToken cancellationToken) => new(a + b);

    public ValueTask<string> GreetAsync(CancellationToken cancellationToken)
    {
        var call = _accessor.Context!;
        call.RequestMetadata.TryGet("token-bin", out var token);
        call.ResponseMetadata.Add("greeted", "yes");
        call.Trailers.Add("count-bin", new byte[] { 1 });
        return new($"{call.RequestMetadata["user"]} {Convert.ToHexStringLower(token.Bytes.Span)}");
    }

    public ValueTask<byte[]> MirrorAsync(byte[] data, CancellationToken cancellationToken) => new(data);

    public ValueTask<byte[]> FillAsync(int count, int value, CancellationToken cancellationToken)
    {
        var data = new byte[count];
        Array.Fill(data, (byte)value);
        return new(data);
    }

    public async IAsyncEnumerable<int> RangeAsync(int from, int count, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var i = 0; i < count; i++)
        {
            await Task.Yield();
            yield return from + i;
        }
    }

    public async ValueTask<long> SumAsync(IAsyncEnumerable<int> items, CancellationToken cancellationToken)
    {
        long sum = 0;
        await foreach (var item in items.WithCancellation(cancellationToken))
        {
            sum += item;
        }

        return sum;
    }

    public async IAsyncEnumerable<int> ScaleAsync(
        int factor, IAsyncEnumerable<int> items, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var item in items.WithCancellation(cancellationToken))
        {
            yield return item * factor;
        }
    }

    public ValueTask FailAsync(int status, string message, byte[] details, CancellationToken cancellationToken) =>
        throw new RpcFaultException((RpcStatusCode)status, message, details);

    public async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _waiting);
        try
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    public async IAsyncEnumerable<int> EndlessAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        yield return 1;
        yield return 2;
        await WaitAsync(cancellationToken);
    }

    public ValueTask<int> WaitingAsync(CancellationToken cancellationToken) => new(Volatile.Read(ref _waiting));

    public ValueTask<string> BeginDrainAsync(CancellationToken cancellationToken)
    {
        beginDrain();
        return new("draining");
    }
}
