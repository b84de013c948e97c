#pragma warning disable CA1852 // Unsealed on purpose: the rules are to find it.
namespace RpcNet.Architecture.Tests.Samples
{
    internal class Open;

    internal class Parent;

    internal sealed class Heir : Parent;

    public class Promise<T>(int size = 3) : IDisposable
        where T : class
    {
        public const string Name = "n";

        private readonly int _own = size;

        public event EventHandler? Changed;

        public int? Size { get; init; }

        public static Task<T> GetAsync(T[] items, CancellationToken token = default) => Task.FromResult(items[0]);

        public void Dispose() => Changed?.Invoke(this, EventArgs.Empty);

        protected virtual void OnChanged(ref int by) => by += _own;

        private protected void Hidden()
        {
        }
    }
}

namespace RpcNet.Architecture.Tests.Samples.Internal
{
    public sealed class Exposed;
}
