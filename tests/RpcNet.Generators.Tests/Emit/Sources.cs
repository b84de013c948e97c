namespace RpcNet.Generators.Tests.Emit;

/// <summary>Contracts whose generated code is compiled and compared; the key names the snapshot.</summary>
internal static class Sources
{
    private const string Usings = """
        #pragma warning disable CS1591
        using System;
        using System.Collections.Generic;
        using System.Threading;
        using System.Threading.Tasks;
        using PolyType;
        using RpcNet;

        """;

    public static readonly IReadOnlyDictionary<string, string> All = new Dictionary<string, string>
    {
        ["FourKinds"] = Usings + """
            namespace Samples.Compute;

            [GenerateShape] public partial record Job(int Id, string Text);
            [GenerateShape] public partial record Outcome(int Id);

            /// <summary>Computes.</summary>
            [RpcService("compute.v1.Compute")]
            public interface ICompute
            {
                /// <summary>One job.</summary>
                [RpcMethod(Idempotent = true, TimeoutMilliseconds = 2000)]
                ValueTask<Outcome> ProcessAsync(Job job, CancellationToken cancellationToken = default);

                /// <summary>Outcomes.</summary>
                IAsyncEnumerable<Outcome> WatchAsync(int from, int to, CancellationToken cancellationToken = default);

                /// <summary>Jobs.</summary>
                ValueTask UploadAsync(IAsyncEnumerable<Job> jobs, CancellationToken cancellationToken = default);

                /// <summary>Both.</summary>
                IAsyncEnumerable<Outcome> ChatAsync(string name, IAsyncEnumerable<Job> jobs, CancellationToken cancellationToken = default);
            }
            """,
        ["OddNames"] = Usings + """
            namespace @class.@event
            {
                /// <summary>Keywords.</summary>
                [RpcService("odd\"\\name")]
                internal interface ILock
                {
                    /// <summary>Keyword.</summary>
                    Task @return(int @int, string @ref = "a\"b\n", CancellationToken @default = default);

                    /// <summary>Clashes with the client's own members.</summary>
                    Task<int> WithCallOptions(int _invoker, int _options, int request, int service, CancellationToken cancellationToken);

                    /// <summary>Overloads with names of their own.</summary>
                    Task DoAsync(CancellationToken cancellationToken);

                    /// <summary>Overloads with names of their own.</summary>
                    [RpcMethod(Name = "DoIt")]
                    Task DoAsync(int a, CancellationToken cancellationToken);

                /// <summary>Hides object's.</summary>
                    Task<string> ToString(CancellationToken cancellationToken);
                }
            }
            """,
        ["GlobalNamespace"] = Usings + """
            /// <summary>In no namespace.</summary>
            [RpcService("bare")]
            public interface Bare
            {
                /// <summary>Ping.</summary>
                ValueTask Ping();

                /// <summary>An argument of the name that generated code uses.</summary>
                Task PutAsync(PutArguments a, int b, CancellationToken cancellationToken);
            }

            [GenerateShape] public partial record PutArguments;
            """,
        ["Nested"] = Usings + """
            namespace Samples;

            /// <summary>Outer.</summary>
            public static class Outer
            {
                /// <summary>Nested.</summary>
                [RpcService("outer.Nested")]
                internal interface INested
                {
                    /// <summary>Ping.</summary>
                    ValueTask Ping(CancellationToken cancellationToken);
                }
            }
            """,
        ["Defaults"] = Usings + """
            namespace Samples;

            /// <summary>An enum.</summary>
            public enum Color : byte
            {
                /// <summary>Red.</summary>
                Red = 1,
            }

            [GenerateShapeFor<Color>] [GenerateShapeFor<Color?>] internal partial class Witness;

            /// <summary>Defaults.</summary>
            [RpcService("defaults")]
            public interface IDefaults
            {
                /// <summary>All.</summary>
                ValueTask AllAsync(
                    bool a = true, byte b = 1, sbyte c = -1, short d = -2, ushort e = 2, int f = int.MinValue, uint g = 3, long h = long.MinValue,
                    ulong i = ulong.MaxValue, float j = -1.5f, double k = 1e300, decimal l = 1.10m, char m = '\'', string n = "x", string? o = null,
                    Color p = Color.Red, Color q = (Color)77, Color? r = Color.Red, int? s = null, int? t = 4, Guid u = default, string v = null!,
                    float w = float.NaN, double x = double.NegativeInfinity, CancellationToken cancellationToken = default);

                /// <summary>Params.</summary>
                ValueTask ParamsAsync(int a, params int[] rest);
            }
            """,
        ["Generics"] = Usings + """
            namespace Samples;

            [GenerateShape] public partial record Item(string? Name);

            [GenerateShapeFor<Dictionary<string, Item[]>>]
            [GenerateShapeFor<List<Item>>]
            [GenerateShapeFor<(int, List<string>)>]
            internal partial class Witness;

            /// <summary>Generics.</summary>
            [RpcService("generics")]
            public interface IGenerics
            {
                /// <summary>Tuples and dictionaries.</summary>
                ValueTask<Dictionary<string, Item?[]>?> MapAsync((int Count, List<string?>? Names) a, List<Item> b, CancellationToken cancellationToken);

                /// <summary>Nullable stream.</summary>
                IAsyncEnumerable<Item?> FlowAsync(IAsyncEnumerable<(int, List<string>)> input, CancellationToken cancellationToken);
            }

            #nullable disable
            /// <summary>Oblivious.</summary>
            [RpcService("oblivious")]
            public interface IOblivious
            {
                /// <summary>Echo.</summary>
                Task<Item> EchoAsync(Item item, string text = null, CancellationToken cancellationToken = default);
            }
            """,
        ["Inherited"] = Usings + """
            namespace Samples
            {
                /// <summary>A contract and a base.</summary>
                [RpcService("base")]
                public interface IBase
                {
                    /// <summary>Ping.</summary>
                    ValueTask<int> PingAsync(CancellationToken cancellationToken);
                }

                /// <summary>Nothing in it yet.</summary>
                [RpcService("empty")]
                public interface IEmpty;

                /// <summary>Derived.</summary>
                [RpcService("derived")]
                public interface IDerived : IBase, Other.IMixin, Other.IGet<string>
                {
                    /// <summary>Local.</summary>
                    ValueTask<int> TwiceAsync(CancellationToken cancellationToken) => PingAsync(cancellationToken);
                }
            }

            namespace Other
            {
                /// <summary>A generic base.</summary>
                public interface IGet<T>
                {
                    /// <summary>Get.</summary>
                    ValueTask<T?> GetAsync(T key, CancellationToken cancellationToken);
                }

                /// <summary>A mixin.</summary>
                public interface IMixin
                {
                    /// <summary>Mix.</summary>
                    IAsyncEnumerable<int> MixAsync(int a, int b, CancellationToken cancellationToken);
                }
            }
            """,
    };
}
