using PolyType;

namespace RpcNet.Aot.Sample;

public enum Unit
{
    Celsius,
    Kelvin,
}

[GenerateShape]
public partial record Reading(Guid Id, DateTime At, Unit Unit, decimal Value, List<string> Tags, Dictionary<string, int>? Counts = null);

[RpcService("aot.v1.Readings")]
public interface IReadings
{
    ValueTask<Reading> StampAsync(Reading reading, string tag, CancellationToken cancellationToken = default);

    IAsyncEnumerable<Reading> RepeatAsync(Reading reading, int count, CancellationToken cancellationToken = default);

    ValueTask<decimal> SumAsync(IAsyncEnumerable<Reading> readings, CancellationToken cancellationToken = default);

    IAsyncEnumerable<Reading> ScaleAsync(int factor, IAsyncEnumerable<Reading> readings, CancellationToken cancellationToken = default);

    ValueTask<Reading> FailAsync(string message, CancellationToken cancellationToken = default);
}
