using System.Collections.Immutable;
using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Simplification;

namespace RpcNet.Generators.CodeFixes;

/// <summary>
/// RPCNET002: makes <c>void</c> a ValueTask, <c>IEnumerable&lt;T&gt;</c> an IAsyncEnumerable&lt;T&gt;, and any other T a
/// ValueTask&lt;T&gt;.
/// </summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class ReturnTypeFix : NodeFix<MethodDeclarationSyntax>
{
    /// <inheritdoc/>
    public override ImmutableArray<string> FixableDiagnosticIds => ["RPCNET002"];

    private protected override Change? Find(Place place, MethodDeclarationSyntax node)
    {
        var annotated = Replacement(node, place.Model)?
            .WithAdditionalAnnotations(Simplifier.Annotation, Simplifier.AddImportsAnnotation)
            .WithTriviaFrom(node.ReturnType);
        return annotated is null ? null : new("Make the method asynchronous", _ => place.ReplaceAsync(node.ReturnType, annotated));
    }

    private static TypeSyntax? Replacement(MethodDeclarationSyntax method, SemanticModel model)
    {
        const string Tasks = "global::System.Threading.Tasks.ValueTask";
        if (method.ReturnType is RefTypeSyntax || model.GetTypeInfo(method.ReturnType).Type is not { } type)
        {
            return null;
        }

        if (type.SpecialType == SpecialType.System_Void)
        {
            return SyntaxFactory.ParseTypeName(Tasks);
        }

        if (type is INamedTypeSymbol { OriginalDefinition.SpecialType: SpecialType.System_Collections_Generic_IEnumerable_T }
            && method.ReturnType.DescendantNodesAndSelf().OfType<GenericNameSyntax>().FirstOrDefault() is { } sequence)
        {
            return Generic("global::System.Collections.Generic.IAsyncEnumerable", sequence.TypeArgumentList.Arguments[0]);
        }

        // A task of something that cannot travel needs a decision, not another task around it.
        return type.Name is "Task" or "ValueTask" ? null : Generic(Tasks, method.ReturnType);

        static TypeSyntax Generic(string name, TypeSyntax argument) =>
            SyntaxFactory.ParseTypeName($"{name}<{argument.WithoutTrivia()}>");
    }
}
