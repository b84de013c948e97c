using System.Runtime.CompilerServices;

namespace RpcNet.Aot.Sample;

internal sealed class Readings : IReadings
{
    public ValueTask<Reading> StampAsync(Reading reading, string tag, CancellationToken cancellationToken) =>
        new(reading with { Tags = [.. reading.Tags, tag], Counts = new() { [tag] = reading.Tags.Count } });

    public async IAsyncEnumerable<Reading> RepeatAsync(Reading reading, int count, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var i = 0; i < count; i++)
        {
            await Task.Yield();
            yield return reading with { Value = reading.Value + i };
        }
    }

    public async ValueTask<decimal> SumAsync(IAsyncEnumerable<Reading> readings, CancellationToken cancellationToken)
    {
        var sum = 0m;
        await foreach (var reading in readings.WithCancellation(cancellationToken))
        {
            sum += reading.Value;
        }

        return sum;
    }

    public async IAsyncEnumerable<Reading> ScaleAsync(
        int factor, IAsyncEnumerable<Reading> readings, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var reading in readings.WithCancellation(cancellationToken))
        {
            yield return reading with { Value = reading.Value * factor };
        }
    }

    public ValueTask<Reading> FailAsync(string message, CancellationToken cancellationToken) =>
        throw new RpcFaultException(RpcStatusCode.DataLoss, message, new byte[] { 7 });
}
